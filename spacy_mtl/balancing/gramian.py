"""To be written."""


def GramianWeighting() -> None:
    """To be written."""
