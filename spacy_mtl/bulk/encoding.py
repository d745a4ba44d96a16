"""Annotated documents as bytes of the output's format."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from shutil import copyfileobj
from typing import Any, Protocol

import srsly
from spacy.tokens import Doc, DocBin

from ..layers import BUILT_IN, table
from .records import Record, plain

FORMATS = ("jsonl", "parquet", "spacy")


class Encoder(Protocol):
    """One format of output.

    suffix: of its files.
    """

    suffix: str

    def row(self, doc: Doc, record: Record) -> Any:
        """What is written of a document; raises an error if it cannot be written."""

    def join(self, rows: Sequence[Any]) -> bytes:
        """The file, or the piece of one, that has these documents."""

    def merge(self, parts: Sequence[Path], target: Path) -> None:
        """Write one file with the documents of several."""


class JsonlEncoder:
    """A JSON object a line, as `spacy mtl convert` reads it.

    tokens: whether to write the tokens and what is said of each.
    """

    suffix = ".jsonl"

    def __init__(self, tokens: bool) -> None:
        self.tokens = tokens

    def row(self, doc: Doc, record: Record) -> bytes:
        row = {**plain(record.fields), **annotation(doc, record.text, self.tokens)}
        return json.dumps(row, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"

    def join(self, rows: Sequence[bytes]) -> bytes:
        return b"".join(rows)

    def merge(self, parts: Sequence[Path], target: Path) -> None:
        concatenate(parts, target)


class SpacyEncoder:
    """DocBins with all annotation; the input's own fields are in `Doc.user_data`."""

    suffix = ".spacy"

    def row(self, doc: Doc, record: Record) -> Doc:
        own = plain(record.fields) if record.user_data is None else record.user_data
        srsly.msgpack_dumps([own, doc.cats])  # an error now, not when the Docs are joined
        found = {key: value for key, value in doc.user_data.items() if _storable(value)}
        doc.user_data = {**own, **found}  # what the pipeline set is newer
        return doc

    def join(self, rows: Sequence[Doc]) -> bytes:
        return DocBin(docs=rows, store_user_data=True).to_bytes()

    def merge(self, parts: Sequence[Path], target: Path) -> None:
        merged = DocBin(store_user_data=True)
        for part in parts:
            merged.merge(DocBin(store_user_data=True).from_disk(part))
        merged.to_disk(target)


def concatenate(parts: Sequence[Path], target: Path) -> None:
    """Write one file with what several have, little of it held at a time."""
    with target.open("wb") as whole:
        for part in parts:
            with part.open("rb") as file:
                copyfileobj(file, whole)


def annotation(doc: Doc, text: str, tokens: bool) -> dict[str, Any]:
    """What the pipeline set, as JSON; a layer that it did not set is not there.

    text: the text, which a Doc has otherwise if it was tokenized.
    tokens: whether to give the tokens, and what is said of each.
    """
    found: dict[str, Any] = {"text": text}
    if tokens:
        found["tokens"] = [token.text for token in doc]
    for name, layer in table().items():
        if tokens or not layer.by_token:
            fields = layer.to_fields(doc)
            found.update(fields if name in BUILT_IN else plain(fields))
    return found


def _storable(value: Any) -> bool:
    """Whether a `.spacy` file can have it; the tensors of a transformer, for one, it cannot."""
    try:
        srsly.msgpack_dumps(value)
    except Exception:  # whatever the value's own methods raise
        return False
    return True
