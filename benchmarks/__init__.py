"""Measurements on real corpora; `python -m benchmarks.quality --help`. Nothing here is a test."""
