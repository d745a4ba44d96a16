"""Parquet files, in and out. Needs pyarrow (extra: parquet), which is imported here only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from spacy.tokens import Doc

from ..errors import FormatError, MTLError
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

_SPAN = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])
_STRINGS = pa.list_(pa.string())
_TOKEN_COLUMNS = [
    *(pa.field(name, _STRINGS) for name in ("tokens", "tags", "pos", "morphs", "lemmas")),
    pa.field("heads", pa.list_(pa.int32())),
    pa.field("deps", _STRINGS),
]
_COLUMNS = [
    pa.field("entities", pa.list_(_SPAN)),
    pa.field("sentences", pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32())]))),
    pa.field("spans", pa.list_(pa.struct([("group", pa.string()), ("spans", pa.list_(_SPAN))]))),
    pa.field("cats", pa.list_(pa.struct([("label", pa.string()), ("value", pa.float64())]))),
]


class ParquetEncoder:
    """A row for each document, a column for each layer; null where a layer is not there.

    own: the types of the input's own fields by their names, which become columns; None where
        they are not known beforehand, and so become JSON in one column, `OWN`.
    tokens: whether to write the tokens and what is said of each.
    """

    suffix = ".parquet"

    def __init__(self, own: dict[str, Any] | None, tokens: bool) -> None:
        self.tokens = tokens
        self.own = None if own is None else tuple(own_names(own).values())
        types = [pa.string()] if own is None else list(own.values())
        columns = zip((OWN,) if self.own is None else self.own, types, strict=True)
        self.schema = pa.schema(
            [
                *(pa.field(name, type) for name, type in columns),
                pa.field("text", pa.string()),
                *(_TOKEN_COLUMNS if tokens else ()),
                *_COLUMNS,
            ]
        )

    def row(self, doc: Doc, record: Record) -> pa.RecordBatch:
        row = annotation(doc, record.text, self.tokens)
        if "spans" in row:
            row["spans"] = [{"group": key, "spans": one} for key, one in row["spans"].items()]
        if "cats" in row:
            row["cats"] = [{"label": key, "value": one} for key, one in row["cats"].items()]
        if self.own is None:
            own = plain(record.fields)
            row[OWN] = json.dumps(own, ensure_ascii=False) if own else None
        else:
            row.update({name: record.fields[name] for name in self.own})
        return pa.RecordBatch.from_pylist([row], schema=self.schema)  # an error now, not for all

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
