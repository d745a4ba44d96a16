"""Configs: proposed for data, with one task alone, with groups of tasks."""
