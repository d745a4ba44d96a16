"""Sharing topologies: how the tasks' representations come from shared encoders."""
