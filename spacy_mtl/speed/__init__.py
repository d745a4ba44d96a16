"""How fast a pipeline is."""
