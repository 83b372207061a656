"""The package's own templates, under the guide's names. Data only."""
