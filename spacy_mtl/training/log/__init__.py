"""What a training says."""
