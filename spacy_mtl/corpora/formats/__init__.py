"""The file formats: each module has a `read(path, options)` that gives records or errors."""

from __future__ import annotations

from pathlib import Path

from ...errors import MTLError
from . import columns, conllu, csv, iob, jsonl
from ._text import Item, Read, attempt, require_text

FORMATS: dict[str, Read] = {
    "columns": columns.read,
    "conllu": conllu.read,
    "csv": csv.read,
    "iob": iob.read,
    "jsonl": jsonl.read,
}

SUFFIXES = {
    ".bio": "columns",
    ".conll": "columns",
    ".conllu": "conllu",
    ".csv": "csv",
    ".iob": "columns",
    ".iob2": "columns",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".ner": "columns",
    ".tsv": "csv",
}


def find_reader(format: str, path: Path) -> Read:
    """The reader of a format, or with "auto" the one for the file's suffix.

    RAISES (MTLError): If there is no such format, or the suffix does not tell.
    """
    if format == "auto":
        format = SUFFIXES.get(path.suffix.lower(), "")
        if not format:
            raise MTLError(
                f"Expected a file that ends in {', '.join(SUFFIXES)}, got {path.name}. "
                f"Name its format (--format): {', '.join(FORMATS)}."
            )
    if format not in FORMATS:
        raise MTLError(f"Expected a format out of auto, {', '.join(FORMATS)}, got {format!r}.")
    return FORMATS[format]


__all__ = ["FORMATS", "SUFFIXES", "Item", "Read", "attempt", "find_reader", "require_text"]
