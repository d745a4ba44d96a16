"""The lines of a file that may have anything in it."""

from __future__ import annotations

from collections.abc import Iterator
from io import TextIOWrapper
from typing import BinaryIO

MAX_LINE = 16_000_000  # characters
ENDS = ("\n", "\r")
SHOWN = 1000  # characters of a line that cannot be read


class LineTooLong(Exception):
    """A line has more than `MAX_LINE` characters; those after it can be read."""


class Lines(Iterator[str]):
    """The lines of a UTF-8 stream with their ends, none of them held that is gigantic.

    They end in a line feed, a carriage return, or both. Bytes that are not UTF-8 become lone
    surrogates, which `require_text` finds.

    number (int): of the line that came last, from 1.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.number = 0
        self._text = TextIOWrapper(
            stream, encoding="utf-8-sig", errors="surrogateescape", newline=""
        )

    def __next__(self) -> str:
        """RAISES (LineTooLong): with the begin of the line."""
        line = self._text.readline(MAX_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        if line.endswith(ENDS) or len(line) < MAX_LINE:
            return line
        rest = line
        while rest and not rest.endswith(ENDS):
            rest = self._text.readline(MAX_LINE)
        raise LineTooLong(line[:SHOWN])
