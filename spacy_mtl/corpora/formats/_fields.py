"""The fields of a JSON object, each read as the type that it must have."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from itertools import filterfalse
from math import isnan
from typing import Any

from ...errors import MTLError
from ..labels import is_missing, strip_blanks
from ..records import CharSpan, Remark

# The names of a span's start, end and label; the later ones are those of annotation tools.
_SPAN_KEYS = (
    ("start", "start_offset", "start_char"),
    ("end", "end_offset", "end_char"),
    ("label", "entity_group", "entity"),
)


_NAMES = "a list of strings (names, not their ids: see --names)"


class FieldError(MTLError):
    """A field does not hold what it should."""


class Fields:
    """A JSON object; a field that is null or NaN counts as not there.

    remarks (List[Remark]): What was taken as missing, and what was passed over.

    RAISES (FieldError): If the value is not an object, and by each method where a field holds
        something else than it should.
    """

    def __init__(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise FieldError(f"Expected a JSON object, got {_show(value)}.")
        self._values = {name: field for name, field in value.items() if not _is_null(field)}
        self._read: set[str] = set()
        self.remarks = [_missing(field, name) for name, field in value.items() if _is_nan(field)]

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def get(self, name: str, default: Any = None) -> Any:
        """The value as it is."""
        self._read.add(name)
        return self._values.get(name, default)

    def peek(self, name: str) -> Any:
        """The value as it is, which counts as not yet read."""
        return self._values.get(name)

    def pass_over(self, name: str, why: str) -> None:
        """Say that a field is not read, if it is there.

        why: What it is not, as "no list".
        """
        if (value := self.get(name)) is not None:
            what = f"field {name!r} was not read, as it is {why}"
            self.remarks.append(Remark(what, _show(value)))

    def unread(self) -> dict[str, Any]:
        """The fields that no method was asked for."""
        return {name: field for name, field in self._values.items() if name not in self._read}

    def names(self) -> str:
        """The names of all fields, for messages."""
        return ", ".join(map(repr, self._values)) or "no field"

    def string(self, name: str) -> str | None:
        """A text."""
        value = self.get(name)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name, "a string", value)
        return value

    def strings(self, name: str, read: Callable[[str], str | None]) -> list[str | None] | None:
        """A list of strings, each as `read` takes it, and null, NaN or -1 for a missing one."""
        values = self._list(name)
        if values is None:
            return None
        values = ["-1" if _is_minus_one(value) else value for value in values]
        for value in values:
            if not isinstance(value, str) and not _is_null(value):
                raise self._wrong(name, _NAMES, value)
        return [None if _is_null(value) else read(value) for value in values]

    def tokens(self, name: str) -> list[str] | None:
        """A list of tokens, as strings or as Prodigy's objects with a `text`."""
        words = []
        for value in self._list(name) or ():
            word = value.get("text") if isinstance(value, dict) else value
            if not isinstance(word, str):
                raise self._wrong(name, "a list of strings or of objects with a 'text'", value)
            words.append(word)
        return words if name in self else None

    def has_labels(self, name: str) -> bool:
        """Whether something is known of a class group; nothing is from a list of nulls."""
        value = self.get(name)
        only_nulls = isinstance(value, list) and value and all(map(_is_null, value))
        return name in self and not only_nulls

    def labels(self, name: str) -> list[str]:
        """The values of a class group: one label or a list of them."""
        value = self.get(name)
        values = value if isinstance(value, list) else [value]
        known = [label for label in values if not _is_null(label)]
        for label in known:
            if not isinstance(label, str | int | float) or not strip_blanks(str(label)):
                raise self._wrong(name, "a label or a list of labels", label)
        return [label if isinstance(label, str) else json.dumps(label) for label in known]

    def cats(
        self, name: str, missing: Collection[str] = (), passed_over: Collection[str] = ()
    ) -> dict[str, float] | None:
        """Categories with their values, as in `Doc.cats`.

        Those with null or NaN are missing, and those with -1 or a text that `missing` has.
        passed_over: Keys that are no categories.
        """
        cats = self.get(name)
        if cats is None:
            return None
        if not isinstance(cats, dict):
            raise self._wrong(name, "an object with a number from 0 to 1 for each label", cats)
        known = {}
        for label, value in cats.items():
            if label in passed_over:
                continue
            text = strip_blanks(value) if isinstance(value, str) else "-1" * _is_minus_one(value)
            if _is_null(value) or (text and is_missing(text, missing)):
                self.remarks += [] if value is None else [_missing(value, name)]
                continue
            if not isinstance(value, int | float) or not 0 <= value <= 1:
                wrong = self._wrong(name, f"a number from 0 to 1 for {label!r}", value)
                raise FieldError(f"{wrong} If it is a value, as of a rating, say --values-from.")
            known[label] = float(value)
        return known

    def numbers(self, name: str) -> dict[str, Any]:
        """Numbers, or null for missing ones, by their keys; a field with anything else is not
        read."""
        value = self.peek(name)
        if not isinstance(value, dict) or not all(map(_may_be_number, value.values())):
            return {}
        return dict(self.get(name))

    def char_spans(self, name: str) -> list[CharSpan] | None:
        """Spans as [start, end, label] or {"start", "end", "label"}, in characters.

        A label that is null or NaN is missing: "".
        """
        values = self._list(name)
        return None if values is None else [self._char_span(name, value) for value in values]

    def span_groups(self, name: str) -> dict[str, list[CharSpan]]:
        """Groups of spans by their key in `Doc.spans`."""
        groups = Fields(self.get(name))
        return {key: groups.char_spans(key) or [] for key in groups._values}

    def _char_span(self, name: str, value: Any) -> CharSpan:
        expected = '[start, end, label] or {"start", "end", "label"} with offsets in characters'
        if isinstance(value, dict):
            found = [[value[key] for key in keys if key in value] for keys in _SPAN_KEYS]
            value = [next(filterfalse(_is_null, v), v[0]) for v in found if v]
        if not isinstance(value, list) or len(value) != 3:
            raise self._wrong(name, expected, value)
        start, end, label = value
        if _is_minus_one(label):
            label = "-1"
        if type(start) is not int or type(end) is not int:
            raise self._wrong(name, expected, value)
        if _is_null(label):
            return start, end, ""
        if not isinstance(label, str):
            raise self._wrong(name, expected, value)
        if not strip_blanks(label):
            raise self._wrong(name, "a label for each span", value)
        return start, end, label

    def values(self, name: str) -> list[Any]:
        """A list of anything."""
        return self._list(name) or []

    def _list(self, name: str) -> list[Any] | None:
        value = self.get(name)
        if value is not None and not isinstance(value, list):
            raise self._wrong(name, "a list", value)
        return value

    @staticmethod
    def _wrong(name: str, expected: str, came: Any) -> FieldError:
        return FieldError(f"Expected {expected} in {name!r}, got {_show(came)}.")


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and isnan(value)


def _is_null(value: Any) -> bool:
    return value is None or _is_nan(value)


def _may_be_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _is_minus_one(value: Any) -> bool:
    return isinstance(value, int | float) and value == -1


def _missing(value: float | str, name: str) -> Remark:
    shown = json.dumps(value, ensure_ascii=False)
    return Remark(f"{shown} in {name!r} was taken as missing", shown)


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
