"""To be written."""


def create_grouped_optimizer() -> None:
    """To be written."""
