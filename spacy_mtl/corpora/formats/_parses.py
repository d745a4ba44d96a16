"""Lemmas, parses and sentences in the fields of JSON objects."""

from __future__ import annotations

import json
from typing import Any

from ._fields import FieldError, Fields
from ._text import missing

_BESIDE = {
    "lemmas": "no list beside 'tokens'",
    "heads": "no list beside lists 'deps' and 'tokens'",
    "deps": "no list beside lists 'heads' and 'tokens'",
}
_NO_RANGES = 'no list of [start, end] or {"start", "end"} in characters'


def parse(fields: Fields) -> dict[str, Any]:
    """Lemmas, relations and heads, as `spacy mtl annotate` writes them beside the tokens; without
    tokens, fields of these names are something else, which is said."""
    there = {name for name in _BESIDE if isinstance(fields.peek(name), list)}
    if not isinstance(fields.get("tokens"), list):
        there = set()
    found: dict[str, Any] = {}
    if "lemmas" in there:
        found["lemmas"] = fields.strings("lemmas", missing)
    if {"deps", "heads"} <= there:
        found.update(_relations(fields))
    for name in _BESIDE:
        if name not in found:
            fields.pass_over(name, _BESIDE[name])
    return found


def sentences(fields: Fields) -> list[int] | None:
    """Where sentences begin: of ranges in characters, as objects or as pairs."""
    given = fields.peek("sentences")
    if given == []:
        fields.get("sentences")
        return None
    starts = [_start(part) for part in given] if isinstance(given, list) else [None]
    known = [start for start in starts if start is not None]
    if len(known) < len(starts):
        fields.pass_over("sentences", _NO_RANGES)
        return None
    fields.get("sentences")
    return known


def _start(part: Any) -> int | None:
    """The start of a range, None if it is none."""
    if isinstance(part, dict):
        part = [part.get("start"), part.get("end")]
    if not isinstance(part, list) or [*map(type, part)] != [int, int]:
        return None
    return int(part[0])


def _relations(fields: Fields) -> dict[str, Any]:
    deps, heads = fields.strings("deps", missing) or [], fields.values("heads")
    for i, (head, dep) in enumerate(zip(heads, deps, strict=False)):
        if dep in ("root", "ROOT"):
            if head != i:
                raise FieldError(
                    f"Expected in 'heads' the numbers of tokens from 0, that of the token "
                    f"itself for a root, got {json.dumps(head)} for the root {i}."
                )
            deps[i] = "ROOT"  # as spaCy calls it
    return {"deps": deps, "heads": heads}
