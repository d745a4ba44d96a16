"""Parquet files, in and out. Needs pyarrow (extra: parquet), which is imported here only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

from spacy.tokens import Doc

from ..errors import FormatError, MTLError
from ..layers import table
from .encoding import annotation
from .records import Record, Source, own_names, plain

try:
    import pyarrow as pa
    from pyarrow import parquet as pq
except ImportError as error:
    raise MTLError(
        "Expected pyarrow, which Parquet files need, got none. Install the extra: "
        "pip install 'spacy-mtl[parquet]'"
    ) from error

ROWS = 256  # read at a time
COMPRESSION = "zstd"
OWN = "fields"  # the column of fields whose types are not known beforehand, as JSON

_RANGE = [("start", pa.int32()), ("end", pa.int32())]
_SPAN = pa.struct([*_RANGE, ("label", pa.string())])
_STRINGS = pa.list_(pa.string())

# The types of columns, by `json_type` of a layer's fields; any other is JSON as text.
TYPES = {
    "strings": _STRINGS,
    "integers": pa.list_(pa.int32()),
    "numbers": pa.list_(pa.float64()),
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "spans": pa.list_(_SPAN),
    "ranges": pa.list_(pa.struct(_RANGE)),
    "span_groups": pa.list_(pa.struct([("group", pa.string()), ("spans", pa.list_(_SPAN))])),
    "classes": pa.list_(pa.struct([("label", pa.string()), ("value", pa.float64())])),
    "values": pa.list_(pa.struct([("key", pa.string()), ("value", pa.float64())])),
}
_KEYS = {  # of what is by keys
    "span_groups": ("group", "spans"),
    "classes": ("label", "value"),
    "values": ("key", "value"),
}


class ParquetEncoder:
    """A row for each document, a column for each layer; null where a layer is not there.

    own: the types of the input's own fields by their names, which become columns; None where
        they are not known beforehand, and so become JSON in one column, `OWN`.
    tokens: whether to write the tokens and what is said of each.
    """

    suffix = ".parquet"

    def __init__(self, own: dict[str, Any] | None, tokens: bool) -> None:
        self.tokens = tokens
        self._own_types = own

    # What follows is found out when it is first needed, as the pipeline's code may have layers.

    @cached_property
    def own(self) -> tuple[str, ...] | None:
        """The names of the columns of the input's own fields."""
        return None if self._own_types is None else tuple(own_names(self._own_types).values())

    @cached_property
    def fields(self) -> dict[str, str]:
        """The columns of layers, with their `json_type`."""
        layers = (layer for layer in table().values() if self.tokens or not layer.by_token)
        return {name: json_type for layer in layers for name, json_type in layer.fields.items()}

    @cached_property
    def schema(self) -> pa.Schema:
        types = [pa.string()] if self._own_types is None else list(self._own_types.values())
        own = zip((OWN,) if self.own is None else self.own, types, strict=True)
        tokens = [pa.field("tokens", _STRINGS)] if self.tokens else []
        layers = (
            pa.field(name, TYPES.get(each, pa.string())) for name, each in self.fields.items()
        )
        return pa.schema(
            [*(pa.field(*each) for each in own), pa.field("text", pa.string()), *tokens, *layers]
        )

    def row(self, doc: Doc, record: Record) -> pa.RecordBatch:
        row = annotation(doc, record.text, self.tokens)
        row.update({name: self._cell(name, row[name]) for name in self.fields if name in row})
        if self.own is None:
            own = plain(record.fields)
            row[OWN] = json.dumps(own, ensure_ascii=False) if own else None
        else:
            row.update({name: record.fields[name] for name in self.own})
        return pa.RecordBatch.from_pylist([row], schema=self.schema)  # an error now, not for all

    def _cell(self, name: str, value: Any) -> Any:
        """A layer's value as its column has it."""
        json_type = self.fields[name]
        if json_type in _KEYS:
            key, content = _KEYS[json_type]
            return [{key: k, content: one} for k, one in value.items()]
        if json_type in TYPES:
            return value
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    def join(self, rows: Sequence[pa.RecordBatch]) -> bytes:
        file = BytesIO()
        table = pa.Table.from_batches(rows, schema=self.schema).combine_chunks()
        pq.write_table(table, file, compression=COMPRESSION)
        return file.getvalue()

    def merge(self, parts: Sequence[Path], target: Path) -> None:
        """One row group after the other, so that no more than one is held."""
        with pq.ParquetWriter(target, self.schema, compression=COMPRESSION) as writer:
            for part in parts:
                with pq.ParquetFile(part) as file:
                    for group in range(file.num_row_groups):
                        writer.write_table(file.read_row_group(group))


def own_types(files: Sequence[Path], text_field: str) -> dict[str, Any]:
    """The types of the columns beside the text, and a check that the text is there.

    RAISES (MTLError): If a file is none of Parquet, or has no text, or other columns.
    """
    first, *others = [_schema(file) for file in files]
    for path, schema in zip(files[1:], others, strict=True):
        if not schema.equals(first):
            raise FormatError(f"Expected the columns of {files[0]}, got others.", path)
    if first.names.count(text_field) != 1 or len(set(first.names)) < len(first.names):
        raise FormatError(
            f"Expected columns of different names with {text_field!r} among them, got "
            f"{', '.join(first.names) or 'none'}. Name the text with --text-field.",
            files[0],
        )
    return {field.name: field.type for field in first if field.name != text_field}


def text_types(names: Sequence[str]) -> dict[str, Any]:
    """The types of columns that all hold text."""
    return {name: pa.string() for name in names}


def number_of_rows(files: Sequence[Path]) -> int:
    """In all of the files."""
    return sum(pq.read_metadata(file).num_rows for file in files)


def read_rows(path: Path) -> Iterator[Source]:
    """The rows of a file, a few of them held at a time.

    RAISES (FormatError): If the file is damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=ROWS):
                for i in range(batch.num_rows):
                    number += 1
                    yield _row(number, batch.slice(i, 1))
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _row(number: int, batch: Any) -> Source:
    try:
        return Source(number, batch.to_pylist()[0])
    except ValueError as error:  # nanoseconds, which Python's datetime has not
        return Source(number, "", f"Expected values that Python can have, got: {error}.")


def _schema(path: Path) -> Any:
    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> FormatError:
    return FormatError(f"Expected a Parquet file, got a damaged one or none ({error}).", path)
