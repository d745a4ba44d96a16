"""Lists and objects that are written as strings, as JSON or as Python prints them."""

from __future__ import annotations

import ast
import json
import re
import tokenize
import warnings
from contextlib import suppress
from io import StringIO
from itertools import pairwise
from typing import Any

from ._fields import FieldError

# "[[", "['", "{'" and the like, nothing between brackets, or numbers between brackets.
_LOOKS_LIKE_JSON = re.compile(
    r"""\s*(\[\s*[\[({'"]|\{\s*['"]|\(\s*[\[({]"""
    r"""|(\[\s*\]|\{\s*\}|\[\s*-?\d+(\.\d*)?([\s,]+-?\d+(\.\d*)?)*\s*\])\s*$)"""
)

_UNREADABLE = (ValueError, SyntaxError, MemoryError, RecursionError, tokenize.TokenError)


def parse_literal(text: str) -> Any:
    """The list or object that a string holds, None if it is a plain string.

    RAISES (FieldError): If it looks like a list or an object, and is none.
    """
    if not _LOOKS_LIKE_JSON.match(text):
        return None
    for parse in (json.loads, _from_python):
        with suppress(*_UNREADABLE):
            return parse(text)
    raise FieldError(f"Expected a list or an object as JSON, got {text[:60]!r}. {_way(text)}")


def _from_python(text: str) -> Any:
    """What Python prints, as JSON has it; an error of `_UNREADABLE` if it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of backslashes
        value = ast.literal_eval(text.strip())
    if _has_neighbouring_strings(text):
        raise ValueError("strings without a comma between them, which Python joins")
    return _as_json(value)


def _way(text: str) -> str:
    if "labels" in text and "start" in text:
        return "It looks like Label Studio's CSV, shortened or changed. Export its JSON instead."
    return (
        "It looks like an array or a list that pandas wrote into a table. Write JSON lines "
        'instead (df.to_json(path, orient="records", lines=True)).'
    )


def _has_neighbouring_strings(text: str) -> bool:
    """Whether strings follow each other without a comma, as in NumPy's arrays."""
    tokens = tokenize.generate_tokens(StringIO(text.strip()).readline)
    types = [t.type for t in tokens if t.type not in (tokenize.NL, tokenize.NEWLINE)]
    return (tokenize.STRING, tokenize.STRING) in pairwise(types)


def _as_json(value: Any) -> Any:
    """The value with lists in place of tuples and sets."""
    if isinstance(value, dict):
        return {str(key): _as_json(part) for key, part in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(_as_json, value), key=str)
    return [*map(_as_json, value)] if isinstance(value, list | tuple) else value
