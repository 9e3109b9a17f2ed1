"""What a command is told: the typed schema, what is valid, the catalogue of YAML files, and the command line."""
