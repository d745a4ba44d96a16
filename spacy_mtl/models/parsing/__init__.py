"""Dependency trees: sentences, scores of arcs and relations, and the best trees."""
