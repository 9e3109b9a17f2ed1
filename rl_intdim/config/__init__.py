"""Configuration: the typed schema, its validation, the catalogue of YAML files, and the command line."""
