"""What moves the parameters: the optimizer, its state, and what is frozen."""
