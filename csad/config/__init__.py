"""The one YAML file of a product line: its settings, its reader, its times."""
