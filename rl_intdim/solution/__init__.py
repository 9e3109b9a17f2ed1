"""The solution file: saving, safe loading, quantisation and video of a solved policy."""
