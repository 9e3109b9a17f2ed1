"""Integration with Stable-Baselines3 (https://stable-baselines3.readthedocs.io), which is not patched."""
