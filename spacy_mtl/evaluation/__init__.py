"""Runs of configs that are kept, calibration, and documents to look at."""
