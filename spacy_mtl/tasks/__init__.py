"""Tasks: one file per annotation layer, between Docs and arrays."""
