"""To be written."""


def create_console_logger() -> None:
    """To be written."""
