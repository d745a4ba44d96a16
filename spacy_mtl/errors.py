"""Errors of the package: each says what was expected, what came, and what to do about it."""

from __future__ import annotations

from pathlib import Path


class MTLError(ValueError):
    """Base of all errors that this package raises about its input, configuration or use."""


def one_line(message: object, length: int = 800) -> str:
    """The text of a message without line breaks, and without its middle if it is longer."""
    text = " ".join(str(message).split())
    if len(text) <= length:
        return text
    half = length // 2
    return f"{text[:half]} ... {text[-half:]}"


class FormatError(MTLError):
    """Something in a file is not as its format wants it.

    message (str): What was expected, what came, and what to do about it.
    path (Path): The file.
    line (Optional[int]): The number of the line, from 1; None if it is about the file as a whole.
    """

    def __init__(self, message: str, path: str | Path, line: int | None = None) -> None:
        self.message = one_line(message)
        self.path = Path(path)
        self.line = line
        place = str(path) if line is None else f"{path}:{line}"
        super().__init__(f"{place}: {self.message}")

    def __reduce__(self) -> tuple[type[FormatError], tuple[str, Path, int | None]]:
        return type(self), (self.message, self.path, self.line)
