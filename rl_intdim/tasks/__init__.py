"""A task as something to play: its environments, its policy network, and whole episodes."""
