"""A solved policy as a file, its safe loading, its compression and its pictures."""
