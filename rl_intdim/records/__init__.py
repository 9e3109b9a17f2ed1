"""What is kept of a sweep: its run folder, what its trials say, and where they come from."""
