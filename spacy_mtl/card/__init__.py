"""The model card of a trained pipeline: what was measured, written where it goes along."""
