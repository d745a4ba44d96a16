"""Fast encoders: the functions of spaCy's own, with the same parameters."""
