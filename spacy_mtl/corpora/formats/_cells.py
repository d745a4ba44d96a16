"""The columns of a table that hold lists or objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import MTLError
from ..records import ReadOptions, Remark
from . import doccano, label_studio
from ._literals import parse_literal
from ._objects import Objects

_TOKENS = ("tokens", "words")
_OF_TOKENS = {*_TOKENS, "tags", "pos", "morphs", "ner_tags", "ner"}
_SPANS = {"entities", "spans", "labels", "annotation", "annotations"}
_SAMPLE = 1000


class Cells:
    """The columns of a table whose cells hold lists or objects, and are read as in JSON.

    A class column is one of them if any of its cells holds one, another column if all do, and if
    its name and cells are those of a layer.

    rows: The rows of the table.
    classes: The columns with classes.
    names (Set[str]): These columns.
    """

    def __init__(
        self, rows: Iterable[Mapping[str, str]], classes: Iterable[str], options: ReadOptions
    ) -> None:
        self._classes = tuple(classes)
        self._options = options
        plain: set[str] = set()
        values: dict[str, list[Any]] = {}
        sample: list[dict[str, Any]] = []
        for row in rows:
            parsed = {name: _attempt(cell) for name, cell in row.items() if cell.strip()}
            plain.update(name for name, value in parsed.items() if value is None)
            found = {name: value for name, value in parsed.items() if value is not None}
            for name, value in found.items():
                values.setdefault(name, []).append(value)
            if found and len(sample) < _SAMPLE:
                sample.append({"text": row.get(options.text_column), **found})
        plain -= {*self._classes}
        self.names = {n for n in values if n not in plain and self._is_layer(n, values)}
        self.has_tokens = bool(self.names & {*_TOKENS})
        self._regions = label_studio.Rows(
            {name: value} for name in self.names for value in values[name]
        )
        spans = any(doccano.are_spans(v) for n in self.names for v in values[n] if _is_list(v))
        self.objects = Objects(options, spans, sample)

    def as_fields(self, row: Mapping[str, str]) -> tuple[dict[str, Any], list[Remark]]:
        """A row as the object that it would be in JSON, and what to say of it.

        RAISES (MTLError): If a cell looks like a list or an object, and is none.
        """
        fields: dict[str, Any] = {}
        remarks = []
        text = self._options.text_column
        if text in row and text not in self.names:
            fields["text"] = row[text]
        for name in sorted({*self.names, *self._classes} & row.keys()):
            value = parse_literal(row[name])
            fields[name] = (row[name].strip() or None) if value is None else value
            if value is not None and name in self._classes:
                remarks.append(Remark(f"lists in column {name!r} were read as such", row[name]))
        annotated = label_studio.is_row(row) or bool(row.get("annotator"))
        if self._regions.names and (annotated or label_studio.is_row(fields)):
            for name in self._regions.names & {n for n, v in fields.items() if v is None}:
                remarks.append(Remark(f"an empty {name!r} was read as no entities", ""))
            fields = self._regions.as_fields(fields, "text")
        return {name: label_studio.choice(value) for name, value in fields.items()}, remarks

    def unread(self, row: Mapping[str, str]) -> dict[str, Any]:
        """The cells of all other columns, as lists or objects where they hold such."""
        values = self._options.values_from
        used = {self._options.text_column, *self._classes, *self.names, *values}
        others = {name: cell for name, cell in row.items() if name not in used}
        return {name: _attempt(cell) or cell for name, cell in others.items()}

    def _is_layer(self, name: str, values: Mapping[str, list[Any]]) -> bool:
        options, found = self._options, values[name]
        if name == options.text_column and name not in _TOKENS:
            return False
        if name in self._classes or any(label_studio.has_regions({name: v}) for v in found):
            return True
        if values.keys() & {*_TOKENS} and name in {*_OF_TOKENS, options.ner_from}:
            return True
        if name == "cats":
            return all(isinstance(value, dict) for value in found)
        if name == "labels" and "label" not in self._classes and not options.cats_from:
            return all(map(_is_list, found))
        return name in _SPANS and all(map(_holds_spans, found))


def _attempt(cell: str) -> Any:
    """What a cell holds, also if it can only be told that it is a list or an object."""
    try:
        return parse_literal(cell)
    except MTLError:
        return []


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _holds_spans(value: Any) -> bool:
    if isinstance(value, dict):
        return bool({"entities", "cats"} & value.keys())
    return isinstance(value, list) and doccano.are_spans(doccano.offsets_first(value))
