"""Comments, columns and fields that were not used and look like annotation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..records import Remark
from ..schemes import is_tag
from ._text import missing_ner

_MAX_LABEL = 40  # characters
_MAX_WORDS = 4
_LABEL_KEYS = {"label", "labels", "type", "entity", "tag"}
_TRIPLE = [int, int, str]  # a span

# Words at the end of a name, or alone, of what nobody annotated.
_PLAIN = re.compile(
    "accept|annotators?|answer|at|authors?|comments?|config|count|created|date|doc|document|empty|file|"
    "filename|hash|hashes|html|ids?|idx|image|index|lang|language|length|line|link|meta|metadata|"
    "n|newdoc|newpar|notes?|number|offset|options|order|page|path|priority|row|score|sentence|"
    "source|split|style|text|time|timestamp|title|tokens|updated|uri|url|user|username|uuid|"
    "version|words|year"
)
_PLAIN_BEGINNING = re.compile("global|newdoc|newpar|orig|text|translit|unnamed")


def unused_comments(comments: Mapping[str, str], used: Sequence[str]) -> Iterator[Remark]:
    """The comments that may hold the class of a sentence."""
    for key, value in comments.items():
        if key not in used and _may_be_label(key, value):
            what = f"comment {key!r} was not used (--cats-from {_shown(key)})"
            yield Remark(what, value, of_labels=True)


def unused_columns(row: Mapping[str, Any], n_tokens: int) -> Iterator[Remark]:
    """The columns of a CSV file that may hold annotation.

    row: The cells that were not used, as lists or objects where they hold such.
    """
    return unused_fields(row, n_tokens, "column")


def unused_token_columns(tokens: Sequence[Sequence[str]], n_used: int) -> Iterator[Remark]:
    """The columns behind those that have names, where a token has something in them.

    tokens: The columns of each token.
    n_used: How many of them have names.
    """
    for i, values in enumerate(zip(*tokens, strict=True), start=1):
        known = [value for value in values if missing_ner(value) and value != "O"]
        if i > n_used and known:
            yield Remark(f"column {i} was not used (--columns)", known[0])


def unused_fields(
    fields: Mapping[str, Any], n_tokens: int, kind: str = "field"
) -> Iterator[Remark]:
    """The fields of a JSON object that may hold annotation.

    n_tokens: The number of its tokens, 0 if it has none.
    kind: What the user calls them.
    """
    for name, value in fields.items():
        if isinstance(value, str | bool | int) and _may_be_label(name, str(value)):
            what = f"{kind} {name!r} was not used (--cats-from {_shown(name)})"
            yield Remark(what, str(value), of_labels=True)
        elif isinstance(value, list | dict) and value and not _is_plain(name):
            yield from _unused_values(name, value, n_tokens, kind)


def _unused_values(
    name: str, value: list[Any] | dict[str, Any], n_tokens: int, kind: str
) -> Iterator[Remark]:
    what = f"{kind} {name!r} was not used"
    if isinstance(value, dict):
        if all(isinstance(number, int | float) for number in value.values()):
            yield Remark(f"{what}; categories belong in 'cats'", str(value))
    elif all(isinstance(label, str | int) for label in value):
        if len(value) == n_tokens:
            tags = [label for label in value if label != "O" and is_tag(str(label))]
            yield Remark(f"{what} (--ner-from {_shown(name)})" if tags else what, str(value))
        elif all(_may_be_label(name, str(label)) for label in value):
            yield Remark(f"{what} (--cats-from {_shown(name)})", str(value))
    elif all(isinstance(span, list) and [*map(type, span)] == _TRIPLE for span in value):
        yield Remark(f"{what}; spans belong in 'entities'", str(value[0]))
    elif all(isinstance(part, dict) and _LABEL_KEYS & {*part} for part in value):
        yield Remark(what, str(value[0]))


def _may_be_label(name: str, value: str) -> bool:
    """Whether it is as short as a label, and its name is none of an ID or the like."""
    if not value.strip() or len(value) > _MAX_LABEL or len(value.split()) > _MAX_WORDS:
        return False
    return not _is_plain(name) and "://" not in value and not re.fullmatch(r"-?\d*\.\d+", value)


def _is_plain(name: str) -> bool:
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    if name.startswith("_") or not words:
        return True
    plain = _PLAIN.fullmatch(words[-1]) or _PLAIN_BEGINNING.fullmatch(words[0])
    return plain is not None


def _shown(name: str) -> str:
    return f"'{name}'" if " " in name else name
