"""To be written."""


def GradNorm() -> None:
    """To be written."""
