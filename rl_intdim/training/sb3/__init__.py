"""What stands between the toolkit and Stable-Baselines3 (https://stable-baselines3.readthedocs.io), unpatched."""
