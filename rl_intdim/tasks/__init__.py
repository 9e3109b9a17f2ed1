"""A task at run time: its environments, its policy network, and whole episodes."""
