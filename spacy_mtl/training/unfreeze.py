"""To be written."""


def create_unfreeze() -> None:
    """To be written."""
