"""Records of a sweep: its run folder, its trials and result, and their provenance."""
