"""To be written."""


def Scalarization() -> None:
    """To be written."""
