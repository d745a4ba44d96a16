"""Which tasks belong together: gradients, looks ahead, and the best grouping."""
