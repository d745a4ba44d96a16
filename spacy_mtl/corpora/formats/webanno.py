"""WebAnno TSV 3, the export of INCEpTION and WebAnno."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ...errors import FormatError
from ..records import CharSpan, ReadOptions, Record, Remark
from ._text import Item, Line, blocks, numbered_lines, require_text

_HEADER = "#FORMAT=WebAnno TSV 3"
_FIRST_LINE = re.compile(r"#(FORMAT=WebAnno TSV| ?(webanno\.custom|de\.tudarmstadt)\.)")
_LAYER = re.compile(r"#T_(?P<kind>SP|CH|RL)=(?P<type>[^|]+)(?P<features>.*)")
_ID = re.compile(r"[0-9]+-[0-9]+(?P<part>\.[0-9]+)?")
_OFFSETS = re.compile(r"(?P<start>[0-9]+)-(?P<end>[0-9]+)")
_PARTS = re.compile(r"(?:\\.|[^|\\])+", re.S)
_NUMBERED = re.compile(r"(?P<value>.*?)(?P<number>(?<!\\)\[[0-9]+\])?", re.S)
_ESCAPED = re.compile(r"\\(->|.)", re.S)
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r"}
_NONE = "_"
_UNLABELLED = "*"
_FIRST = 3  # columns of a token before those of the layers


@dataclass
class _Layer:
    """An annotation layer of the project.

    name: The last part of its type.
    is_span: Whether it is a layer of spans that can be read, and not of relations or the like.
    features: Its features; each has a column, and one without any has one too.
    column: The column of its first feature.
    chosen: The column whose values are the labels.
    """

    name: str
    is_span: bool
    features: list[str]
    column: int
    chosen: int = 0
    used: set[int] = field(default_factory=set)  # columns with annotation


class _Row(NamedTuple):
    line: int
    is_part: bool  # of the token before
    start: int
    end: int
    values: list[str]


def read(path: Path, options: ReadOptions) -> Iterator[Item]:
    """The sentences of a file, all in one document.

    The layer of named entities, or the only layer of spans, gives the entities, other layers of
    spans a span group of their name; the tags are those of the layer POS.
    """
    reader = _Reader(path)
    for block in blocks(path):
        lines = [line for line in block if not line.text.startswith("#")]
        if lines:
            try:
                yield reader.record(lines)
            except FormatError as error:
                yield error


def looks_like_webanno(path: Path) -> bool:
    """Whether the first line is that of a version of the format, though not of one we read."""
    return bool(_FIRST_LINE.match(_first_line(path)))


def _first_line(path: Path) -> str:
    return next(numbered_lines(path), Line(1, "")).text


class _Reader:
    """Reads the sentences of a file in turn."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.layers = _header(path)
        self.n_columns = _FIRST + sum(max(len(layer.features), 1) for layer in self.layers)
        for line in numbered_lines(path):
            values = line.text.split("\t")
            for layer in self.layers if not line.text.startswith("#") else ():
                for column in range(layer.column, layer.column + max(len(layer.features), 1)):
                    if values[column : column + 1] not in ([], [_NONE], [""]):
                        layer.used.add(column)
        self.tags = [layer for layer in self.layers if layer.name == "POS"]
        spans = [layer for layer in self.layers if layer.is_span]
        self.ents = [layer for layer in spans if layer.name == "NamedEntity"]
        if len(spans) == 1:
            self.ents = spans
        if any(layer.used for layer in spans):  # an empty layer beside others was not worked on
            spans = [layer for layer in spans if layer.used]
        self.ents = [layer for layer in self.ents if layer in spans]
        self.groups = [layer for layer in spans if layer not in self.ents]
        self._last: set[str] = set()

    def record(self, lines: list[Line]) -> Record:
        """The record of a sentence."""
        rows = [self._row(line) for line in lines]
        words, spaces, starts = _tokens(rows)
        record = Record(
            line=lines[0].number,
            is_sentence=True,
            words=words,
            token_lines=[row.line for row in rows if not row.is_part],
            text="".join(w + " " * s for w, s in zip(words, spaces, strict=True)),
            spaces=spaces,
        )
        for layer in self.tags:
            cells = [row.values[layer.chosen] for row in rows if not row.is_part]
            record.tags = [None if cell == _NONE else _value(cell) for cell in cells]
        for layer in self.ents:
            record.ents = self._spans(layer, rows, starts, record)
        if self.groups:
            groups = {layer.name: self._spans(layer, rows, starts, record) for layer in self.groups}
            record.spans = {name: spans for name, spans in groups.items() if spans is not None}
        self._remark(record, rows)
        return record

    def _row(self, line: Line) -> _Row:
        values = require_text(line.text, self.path, line.number).split("\t")
        if values[-1] == "" and len(values) > self.n_columns:  # each value has a tab behind it
            values.pop()
        if len(values) != self.n_columns:
            raise FormatError(
                f"Expected {self.n_columns} columns separated by tabs, as the layers of the "
                f"header say, got {len(values)}.",
                self.path,
                line.number,
            )
        id, offsets = _ID.fullmatch(values[0]), _OFFSETS.fullmatch(values[1])
        if id is None or offsets is None:
            raise FormatError(
                f"Expected a token as 1-1 and its offsets as 0-3, got {values[0]!r} and "
                f"{values[1]!r}.",
                self.path,
                line.number,
            )
        is_part = id["part"] is not None
        return _Row(line.number, is_part, int(offsets["start"]), int(offsets["end"]), values)

    def _spans(
        self, layer: _Layer, rows: list[_Row], starts: dict[int, int], record: Record
    ) -> list[CharSpan] | None:
        """The spans of a layer in a sentence, None where one has no label."""
        found: dict[str, CharSpan] = {}
        for row in rows:
            cell = row.values[layer.chosen]
            for i, (value, number) in enumerate(_parts(cell) if cell != _NONE else ()):
                label = _value(value) if layer.features else layer.name
                if value == _UNLABELLED and layer.features:
                    what = (
                        f"sentences with a span of {layer.name} that has no label were read "
                        "without that layer"
                    )
                    record.remarks.append(Remark(what, row.values[2]))
                    return None
                start = starts[row.start] if row.start in starts else _within(row, rows, starts)
                end = start + len(_value(row.values[2]))
                key = f"{layer.name}{number}" if number else f"{row.line} {i}"
                found[key] = (found[key][0] if key in found else start, end, label)
        self._note_crossing({key for key in found if " " not in key}, record)
        return list(found.values())

    def _note_crossing(self, numbers: set[str], record: Record) -> None:
        if numbers & self._last:
            what = "spans that cross the border of a sentence were read as one for each"
            record.remarks.append(Remark(what, record.text or ""))
        self._last |= numbers

    def _remark(self, record: Record, rows: Sequence[_Row]) -> None:
        chosen = {layer.chosen for layer in (*self.tags, *self.ents, *self.groups)}
        for layer in self.layers:
            for column in sorted(layer.used - chosen):
                name = (layer.features or [""])[column - layer.column]
                values = [row.values[column] for row in rows if row.values[column] != _NONE]
                value = next((v for v in values if v.strip("*[]|0123456789")), None)
                if value is not None:
                    what = f"layer {'.'.join(filter(None, [layer.name, name]))!r} was not used"
                    record.remarks.append(Remark(what, value))


def _header(path: Path) -> list[_Layer]:
    if not _first_line(path).startswith(_HEADER):
        raise FormatError(
            f"Expected '{_HEADER}' and what follows in the first line, got "
            f"{_first_line(path)!r}. Export the document as WebAnno TSV 3.",
            path,
            1,
        )
    layers: list[_Layer] = []
    column = _FIRST
    for line in numbered_lines(path):
        match = _LAYER.match(line.text)
        if match is not None:
            layers.append(_layer(match, column))
            column += max(len(layers[-1].features), 1)
        elif line.text and not line.text.startswith("#"):
            break
    return layers


def _layer(match: re.Match[str], column: int) -> _Layer:
    type = match["type"].strip()
    features = [name.strip() for name in match["features"].split("|") if name.strip()]
    name = type.rpartition(".")[2]
    is_span = match["kind"] == "SP" and (name == "NamedEntity" or not type.startswith("de."))
    wanted = "PosValue" if name == "POS" else "value"
    own = [feature for feature in features if not feature.startswith(("ROLE_", "BT_"))]
    label = wanted if wanted in features else (own or features or [""])[0]
    chosen = column + (features.index(label) if features else 0)
    return _Layer(name, is_span, features, column, chosen)


def _tokens(rows: list[_Row]) -> tuple[list[str], list[bool], dict[int, int]]:
    """The words of a sentence, whether a space follows each, and where a token that begins at an
    offset of the document begins in the text of the sentence."""
    tokens = [row for row in rows if not row.is_part]
    words = [_value(row.values[2]) for row in tokens]
    spaces = [following.start > row.end for row, following in zip(tokens, tokens[1:], strict=False)]
    spaces.append(False)
    starts: dict[int, int] = {}
    position = 0
    for row, word, space in zip(tokens, words, spaces, strict=True):
        starts[row.start] = position
        position += len(word) + space
    return words, spaces, starts


def _within(part: _Row, rows: list[_Row], starts: dict[int, int]) -> int:
    """Where a part of a token begins in the text of the sentence."""
    token = max(
        (row.start for row in rows if not row.is_part and row.start <= part.start), default=0
    )
    return starts.get(token, 0) + part.start - token


def _parts(cell: str) -> Iterator[tuple[str, str]]:
    """The values in a cell, each with the number in brackets that its span has, or ""."""
    for part in _PARTS.findall(cell):
        match = _NUMBERED.fullmatch(part)
        yield (match["value"], match["number"] or "") if match else (part, "")


def _value(cell: str) -> str:
    """A value without escapes."""
    return _ESCAPED.sub(lambda match: _CONTROLS.get(match[1], match[1]), cell)
