"""Thinc models: the packed representation, heads, sharing topologies and structured decoding."""
