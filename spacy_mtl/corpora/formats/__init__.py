"""The file formats: each module has a `read(path, options)` that gives records or errors.

Such a function of your own goes into the registry `mtl_formats`, or as an entry point into the
group `spacy_mtl_formats`; its name is what `--format` takes.
"""

from __future__ import annotations

import json as json_
from pathlib import Path

from ...errors import MTLError
from ...registry import registry
from ..schemes import is_tag
from . import json, webanno
from ._foreign import describe
from ._prodigy import may_hold_answers
from ._text import Item, Read, attempt, numbered_lines, require_text

SUFFIXES = {
    ".ann": "brat",
    ".bio": "columns",
    ".conll": "columns",
    ".conllu": "conllu",
    ".csv": "csv",
    ".iob": "columns",
    ".iob2": "columns",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".ner": "columns",
    ".tsv": "csv",
}


def format_names() -> list[str]:
    """The names of all formats, sorted, those of other packages among them."""
    return sorted(registry.mtl_formats.get_all())


def find_reader(format: str, path: Path) -> Read:
    """The reader of a format, or with "auto" the one for the file's suffix and beginning.

    RAISES (MTLError): If there is no such format, or the suffix does not tell.
    """
    if format == "auto":
        format = _guess(path)
        if not format:
            hint = describe(path) or f"Name its format (--format): {', '.join(format_names())}."
            raise MTLError(
                f"Expected a file that ends in {', '.join(SUFFIXES)}, got {path.name}. {hint}"
            )
    if format not in registry.mtl_formats:
        raise MTLError(
            f"Expected a format out of auto, {', '.join(format_names())}, got {format!r}."
        )
    reader: Read = registry.mtl_formats.get(format)
    return reader


def is_annotated(path: Path) -> bool:
    """Whether a file in a folder is one to read, by its suffix and, for JSON, what is in it."""
    format = SUFFIXES.get(path.suffix.lower(), "")
    return json.holds_records(path) if format == "json" else bool(format)


def _guess(path: Path) -> str:
    """The format of a file by its suffix, where several formats share one by its first line."""
    suffix = path.suffix.lower()
    by_suffix = SUFFIXES.get(suffix, "")
    if not path.is_file():
        return by_suffix
    if by_suffix in ("", "csv") and webanno.looks_like_webanno(path):
        return "webanno"
    if suffix == ".tsv" and _begins_with_a_tagged_token(path):
        return "columns"
    if by_suffix == "jsonl" and _begins_a_list(path):
        return "json"
    if suffix == ".txt" and path.with_suffix(".ann").is_file():
        return "brat"
    return by_suffix


def _begins_with_a_tagged_token(path: Path) -> bool:
    """Whether the first line is a token with its entity tag, and no header."""
    first = next((line.text.rstrip() for line in numbered_lines(path) if line.text.strip()), "")
    return "\t" in first and is_tag(first.rpartition("\t")[2])


def _begins_a_list(path: Path) -> bool:
    """Whether the first line is the beginning of a list, and no record of its own."""
    first = next((line.text.strip() for line in numbered_lines(path) if line.text.strip()), "")
    if not first.startswith("["):
        return False
    try:
        return all(isinstance(value, dict) for value in json_.loads(first))
    except RecursionError:
        return False
    except ValueError:
        return True


__all__ = [
    "SUFFIXES",
    "Item",
    "Read",
    "attempt",
    "describe",
    "find_reader",
    "format_names",
    "is_annotated",
    "may_hold_answers",
    "require_text",
]
