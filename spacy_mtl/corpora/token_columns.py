"""What records say of each token, on the Doc that they become."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from spacy.tokens import Doc

from ..errors import FormatError
from ..layers import BUILT_IN
from ..layers.dependencies import DependencyLayer, HeadError, check_heads
from .records import COLUMNS, Record

_MAX_DIGITS = 20
_WRITTEN_APART = ("ner", "deps")


def set_columns(doc: Doc, records: Sequence[Record], layers: Collection[str], path: Path) -> None:
    """Write the tags, parts of speech, features, lemmas and parse of consecutive records.

    A Doc has a parse only if all of its sentences have one, as spaCy takes the sentences from it.

    layers: Those to write.
    path: The file, for messages.
    RAISES (FormatError): If heads are none.
    """
    for column, layer in COLUMNS.items():
        if column not in _WRITTEN_APART and layer.name in layers:
            values = column_of(records, column)
            if any(value is not None for value in values):
                layer.from_json(doc, values)
    if "dep" in layers and all(any(record.deps or ()) for record in records):
        _set_parse(doc, records, path)


def column_of(records: Sequence[Record], column: str) -> list[Any]:
    """The values of all tokens, None for a missing one."""
    values: list[Any] = []
    for record in records:
        values.extend(getattr(record, column) or [None] * len(record.words or ()))
    return values


def _set_parse(doc: Doc, records: Sequence[Record], path: Path) -> None:
    heads: list[Any] = []
    for record in records:
        own, deps = record.heads or [], record.deps or []
        if record.heads_from:
            own = [_number(head, i) for i, head in enumerate(own)]
        try:
            check_heads(own, deps, record.heads_from)
        except HeadError as error:
            raise FormatError(str(error), path, record.line_of(error.token)) from error
        first = len(heads)
        heads.extend(head + first if dep else 0 for head, dep in zip(own, deps, strict=True))
    parser = BUILT_IN["dep"]
    assert isinstance(parser, DependencyLayer)
    parser.set_parse(doc, heads, column_of(records, "deps"))


def _number(head: str, i: int) -> int | str:
    """The number of a head from 0, the token's own for a root; what is no number stays."""
    if head == "0":
        return i
    is_number = head.isascii() and head.isdecimal() and len(head) <= _MAX_DIGITS
    return int(head) - 1 if is_number else head
