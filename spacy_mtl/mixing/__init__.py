"""Which documents a training sees, and in which order."""
