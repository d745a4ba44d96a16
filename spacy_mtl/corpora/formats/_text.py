"""What the formats share: numbered lines, comments, checks of text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ...errors import FormatError
from ..records import ReadOptions, Record

Item = Record | FormatError
Read = Callable[[Path, ReadOptions], Iterator[Item]]

_MISSING = ("_", "")
_UNREADABLE = re.compile("[\x00\ud800-\udfff]")


class Line(NamedTuple):
    """A line of a file without its end, and its number from 1."""

    number: int
    text: str


def numbered_lines(path: Path) -> Iterator[Line]:
    """The lines of a UTF-8 file.

    Bytes that are not UTF-8 become lone surrogates, so that `require_text` can say where they
    are and reading can go on after them.
    """
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        for number, text in enumerate(file, start=1):
            yield Line(number, text.rstrip("\r\n"))


def blocks(path: Path) -> Iterator[list[Line]]:
    """The runs of lines between blank lines."""
    block: list[Line] = []
    for line in numbered_lines(path):
        if line.text.strip(" \t"):
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def require_text(text: str, path: Path, line: int) -> str:
    """Give the text back if it is proper Unicode without NUL.

    RAISES (FormatError): If it is not.
    """
    match = _UNREADABLE.search(text)
    if match is None:
        return text
    code = ord(match.group())
    if code == 0:
        problem = "a NUL character"
    elif 0xDC80 <= code <= 0xDCFF:  # how surrogateescape shows an undecodable byte
        problem = f"the byte 0x{code - 0xDC00:02x}"
    else:
        problem = f"the lone surrogate U+{code:04X}"
    raise FormatError(
        f"Expected text in UTF-8, got {problem} in column {match.start() + 1}. "
        "Save the file as UTF-8.",
        path,
        line,
    )


def missing(value: str) -> str | None:
    """The value of a column, None for the "_" (or nothing) that stands for a missing one."""
    return None if value in _MISSING else value


def missing_ner(value: str) -> str | None:
    """An entity tag, None for one of the ways to write a missing one ("-" is spaCy's)."""
    return None if value in ("_", "", "-") else value


def relation(head: str, deprel: str) -> str | None:
    """A dependency relation, missing without a head; that of a root under spaCy's name."""
    if deprel == "root" and head == "0":
        return "ROOT"
    return None if deprel in _MISSING or head in _MISSING else deprel


def features(value: str) -> str:
    """Morphological features, "" for the "_" by which an annotated token has none."""
    return missing(value) or ""


def attempt(parse: Callable[[], Record]) -> Item:
    """The record, or the error in its place, after which reading can go on."""
    try:
        return parse()
    except FormatError as error:
        return error
