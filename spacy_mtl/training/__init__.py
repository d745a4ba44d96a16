"""A training that can be stopped: the loop, its checkpoints, and what it says."""
