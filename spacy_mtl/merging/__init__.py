"""Trained pipelines made into one: side by side, or as an ensemble."""
