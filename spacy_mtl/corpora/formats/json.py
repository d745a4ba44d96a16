"""JSON: a list of records as in JSONL, Label Studio's tasks, or an object around such a list."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import FormatError, MTLError
from ..records import ReadOptions, Record
from . import doccano, jsonl, label_studio
from ._literals import parse_literal
from ._objects import Objects, is_pair
from ._text import Item, attempt, require_text

_SPACE = re.compile(r"[ \t\r\n]*")
_BETWEEN = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")
_OWN_FIELDS = {"tokens", "paragraphs"}

Value = tuple[int, Any]  # with the number of its first line


def read(path: Path, options: ReadOptions) -> Iterator[Item]:
    """The records of a JSON file, which is read as a whole.

    The file is a list, values one after the other, or an object with such a list in it.
    """
    values: list[Value] = []
    broken: FormatError | None = None
    try:
        values.extend(_values(path))
    except FormatError as error:
        broken = error
    if len(values) == 1 and isinstance(values[0][1], dict):
        values = _unwrapped(*values[0], path)
    convert = _Converter([value for _, value in values], path, options)
    for document, (line, value) in enumerate(values):
        item = attempt(partial(convert, line, value))
        if isinstance(item, Record):
            item.document = document
        yield item
    if broken is not None:
        yield broken


def holds_records(path: Path) -> bool:
    """Whether a file is annotated, and not settings or names of classes; true if it is broken."""
    try:
        values = list(_values(path))
    except FormatError:
        return True
    if len(values) == 1 and isinstance(values[0][1], dict):
        try:
            values = _unwrapped(*values[0], path)
        except FormatError:
            return False
    return any(isinstance(value, dict | list) for _, value in values)


class _Converter:
    """Makes records of the values of one file."""

    def __init__(self, values: list[Any], path: Path, options: ReadOptions) -> None:
        self.path = path
        self.options = options
        self.tasks = label_studio.Tasks(values)
        self.rows = label_studio.Rows(values)
        holds_spans = any(_label_holds_spans(value) for value in values)
        self.objects = Objects(options, holds_spans, values)

    def __call__(self, line: int, value: Any) -> Record:
        for text in jsonl.strings(value):
            require_text(text, self.path, line)
        try:
            if label_studio.is_task(value):
                return self.tasks.record(value, line, self.options)
            if label_studio.is_row(value):
                value = self.rows.as_fields(value, self.options.text_column)
        except MTLError as error:
            raise FormatError(str(error), self.path, line) from error
        return jsonl.record(value, self.path, line, self.options, self.objects)


def _label_holds_spans(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    labels = [_listed(value.get(name)) for name in doccano.SPAN_FIELDS]
    first = [next(iter(part), None) for part in labels if isinstance(part, list)]
    return any(isinstance(part, list | dict) for part in first)


def _listed(value: Any) -> Any:
    try:
        return parse_literal(value) if isinstance(value, str) else value
    except MTLError:
        return None


def _values(path: Path) -> Iterator[Value]:
    """The elements of the list in a file, or else its values."""
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    decoder = json.JSONDecoder()
    position = _end(_SPACE, text, 0)
    in_list = text.startswith("[", position)
    position = _end(_SPACE, text, position + in_list)
    line, counted = 1, 0
    while position < len(text) and not (in_list and text.startswith("]", position)):
        line, counted = line + text.count("\n", counted, position), position
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            line += text.count("\n", counted, getattr(error, "pos", counted))
            raise FormatError(f"Expected JSON, got: {error}.", path, line) from error
        yield line, value
        position = _end(_BETWEEN, text, position)
    if in_list and position >= len(text):
        raise FormatError("Expected ']' at the end of the list, got the end of the file.", path)


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _unwrapped(line: int, value: dict[str, Any], path: Path) -> list[Value]:
    """The records in an object that has one list of them, or the object as a record."""
    is_record = isinstance(value.get("text"), str) or bool(_OWN_FIELDS & value.keys())
    if is_record or label_studio.is_task(value):
        return [(line, value)]
    lists = [part for part in value.values() if _is_records(part)]
    inner = [part for part in value.values() if isinstance(part, dict)]
    if len(lists) == 1:
        return [(line, part) for part in lists[0] if part is not None]
    if len(inner) == len(value) == 1:
        return _unwrapped(line, inner[0], path)
    hint = (
        "It looks like a table by columns, as pandas writes it: write it with "
        'orient="records", lines=True.'
        if inner and len(inner) == len(value)
        else "Write one object with 'text' or 'tokens' for each document."
    )
    raise FormatError(
        f"Expected a list of records, or an object with one, got an object with "
        f"{', '.join(map(repr, value)) or 'nothing'}. {hint}",
        path,
        line,
    )


def _is_records(value: Any) -> bool:
    parts = [part for part in value if part is not None] if isinstance(value, list) else []
    return bool(parts) and all(isinstance(part, dict) or is_pair(part) for part in parts)
