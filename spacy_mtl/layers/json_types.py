"""What the JSON values of layers are, by the names that columns of Parquet go by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from numbers import Integral, Real
from textwrap import shorten
from typing import Any

from ..errors import MTLError

Check = Callable[[Any], bool]
_MAX_SHOWN = 60  # characters


def _is_string(value: Any) -> bool:
    return isinstance(value, str)


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)


def _is_range(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    return _is_integer(value.get("start")) and _is_integer(value.get("end"))


def _is_span(value: Any) -> bool:
    return _is_range(value) and _is_string(value.get("label"))


def _are_spans(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_span, value))


def _or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


_LIST = (list, tuple)

# In words, what it holds its parts in (none for a single value), and whether a part is so.
_TYPES: Mapping[str, tuple[str, Any, Check]] = {
    "string": ("a string", None, _is_string),
    "integer": ("a whole number", None, _is_integer),
    "number": ("a number", None, _is_number),
    "strings": ("a list of strings and nulls", _LIST, _or_null(_is_string)),
    "integers": ("a list of whole numbers and nulls", _LIST, _or_null(_is_integer)),
    "numbers": ("a list of numbers and nulls", _LIST, _or_null(_is_number)),
    "ranges": ("a list of objects with whole numbers as 'start' and 'end'", _LIST, _is_range),
    "spans": ("a list of objects with 'start', 'end' and 'label'", _LIST, _is_span),
    "span_groups": ("an object with a list of spans for each group", Mapping, _are_spans),
    "classes": ("an object with a number for each label", Mapping, _is_number),
    "values": ("an object with a number or null for each key", Mapping, _or_null(_is_number)),
}


def check_json(json_type: str, value: Any) -> None:
    """Check a value against the type of its field; any other type takes anything.

    RAISES (MTLError): If it is something else.
    """
    if json_type not in _TYPES:
        return
    expected, container, is_so = _TYPES[json_type]
    if container is None:
        parts = [value]
    elif isinstance(value, container):
        parts = [*value.values()] if isinstance(value, Mapping) else [*value]
    else:
        raise MTLError(f"Expected {expected}, got {_shown(value)}.")
    for part in parts:
        if not is_so(part):
            where = "" if container is None else " in it"
            raise MTLError(f"Expected {expected}, got {_shown(part)}{where}.")


def _shown(value: Any) -> str:
    return shorten(repr(value), _MAX_SHOWN, placeholder="...")
