"""Balancing: from task losses and gradients, as arrays, to task weights."""
