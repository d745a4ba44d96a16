"""Metrics: what is right and wrong in each document, from which the scores of any sample follow."""
