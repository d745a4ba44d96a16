"""A pretrained transformer as the encoder of a pipeline."""
