"""Data parallelism: several workers that train one pipeline, each on its part of every batch."""
