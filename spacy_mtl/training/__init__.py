"""Training: what a config is made of, and what runs beside spaCy's training loop."""
