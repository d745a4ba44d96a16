"""A document to annotate: as it comes from a file, and as its text and what else is said of it."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..corpora.formats import require_text
from ..errors import FormatError, MTLError
from ..layers import table
from ..layers.table import OTHER_FIELDS
from .lines import SHOWN

_PREFIX = "input_"


class Tokenized(NamedTuple):
    """A document of a `.spacy` file, without its annotation."""

    words: list[str]
    spaces: list[bool]
    user_data: dict[Any, Any]

    @property
    def text(self) -> str:
        """As `Doc.text` has it."""
        pairs = zip(self.words, self.spaces, strict=True)
        return "".join(f"{word} " if space else word for word, space in pairs)


@dataclass(slots=True)
class Source:
    """What one document is made of, not yet checked.

    number: of its line, row or document in the file, from 1.
    content: a line of JSON, the fields of a row, or tokens.
    error: why it cannot be read, "" if it can.
    file: the index of its file.
    ordinal: how many of the file have come, with this one.
    """

    number: int
    content: str | dict[str, Any] | Tokenized
    error: str = ""
    file: int = 0
    ordinal: int = 0

    @property
    def size(self) -> int:
        """Characters, about."""
        if isinstance(self.content, str):
            return len(self.content)
        values = self.content.values() if isinstance(self.content, dict) else self.content.words
        return sum(len(value) for value in values if isinstance(value, str))


@dataclass(slots=True)
class Record:
    """A document to annotate.

    text: the text.
    fields: what else the input has, by names that the output has no other use for.
    words: the tokens where they are given, None where the pipeline is to tokenize the text.
    spaces: whether a space follows each.
    user_data: of a Doc in the input.
    """

    text: str
    fields: dict[str, Any]
    words: list[str] | None = None
    spaces: list[bool] | None = None
    user_data: dict[Any, Any] | None = None


def to_record(source: Source, text_field: str) -> Record:
    """Check and read what came from a file.

    RAISES (MTLError): If it cannot be read, or has no proper text.
    """
    if source.error:
        raise MTLError(source.error)
    content = source.content
    if isinstance(content, Tokenized):
        text = content.text
        named = {key: value for key, value in content.user_data.items() if isinstance(key, str)}
        return Record(text, _renamed(named), content.words, content.spaces, content.user_data)
    fields = _parse(content) if isinstance(content, str) else _checked(content)
    text = _text(fields, text_field)
    return Record(text, _renamed({k: v for k, v in fields.items() if k != text_field}))


def own_names(names: Iterable[str]) -> dict[str, str]:
    """Under which name the output has each of the input's own fields.

    One that the output needs itself gets the prefix "input_".
    """
    names = list(names)
    reserved = _reserved()
    taken = {name for name in names if name not in reserved}
    found = {}
    for name in names:
        new = name
        if name in reserved:
            while new in reserved or new in taken:
                new = _PREFIX + new
            taken.add(new)
        found[name] = new
    return found


def _reserved() -> frozenset[str]:
    """The names of fields that the output has a use for."""
    return OTHER_FIELDS.union(*(layer.fields for layer in table().values()))


def plain(value: Any) -> Any:
    """A value as JSON can have it; what it has nothing for becomes a string, NaN null."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    for method in ("tolist", "isoformat"):  # arrays and their scalars; dates and times
        if hasattr(value, method):
            return plain(getattr(value, method)())
    return str(value)


def _parse(line: str) -> dict[str, Any]:
    _require(line)
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MTLError(f"Expected a JSON object on one line, got: {error}.") from error
    if not isinstance(value, dict):
        raise MTLError(f"Expected a JSON object, got {type(value).__name__}.")
    if "\\u" in line:  # an escaped surrogate is none of the line's own characters
        _require(json.dumps(value, ensure_ascii=False))
    return value


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    for value in fields.values():
        if isinstance(value, str):
            _require(value)
    return fields


def _text(fields: dict[str, Any], text_field: str) -> str:
    if text_field not in fields:
        names = ", ".join(map(repr, fields)) or "no field"
        raise MTLError(
            f"Expected a field {text_field!r} with the text, got {names[:SHOWN]}. "
            "Name it with --text-field."
        )
    text = fields[text_field]
    if not isinstance(text, str):
        raise MTLError(f"Expected a string in {text_field!r}, got {type(text).__name__}.")
    return _require(text)


def _require(text: str) -> str:
    try:
        return require_text(text, Path(), 0)
    except FormatError as error:  # the place is told beside it
        raise MTLError(error.message) from error


def _renamed(fields: dict[str, Any]) -> dict[str, Any]:
    if _reserved().isdisjoint(fields):
        return fields
    names = own_names(fields)
    return {names[name]: value for name, value in fields.items()}
