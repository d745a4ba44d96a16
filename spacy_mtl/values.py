"""Values of documents, such as a rating: which keys of `doc.cats` they are, and `doc._.values`.

Annotation has values in `doc.cats`, beside the classes, and a 1.0 there may be either. A key is a
value by its numbers in all documents together (`keys_of_values`), or as a task or the user names
it. Whoever knows that notes it on each Doc, in `doc._.values`, where predictions stand too. So all
others need to ask the Doc alone (`value_keys`).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from math import inf, isfinite
from numbers import Real
from typing import Any

from spacy.tokens import Doc

from .errors import MTLError

EXTENSION = "values"
_KEY: Any = ("._.", EXTENSION, None, None)  # of `Doc.user_data`, where spaCy has doc._.values
_OF_CLASSES = (0, 1)


def keys_of_values(cats: Iterable[Mapping[str, Any]]) -> set[str]:
    """The keys that are values, by what all documents of a corpus have in `doc.cats`.

    A key is one if any document has it as another number than 0 or 1. Those that begin with the
    name of a class group, as in "topic=travel", are classes as long as all their numbers are from
    0 to 1: these are probabilities then.
    """
    found: set[str] = set()
    for each in cats:
        found.update(key for key, number in each.items() if _is_value(key, number))
    return found


def value_keys(doc: Doc) -> set[str]:
    """The keys of a Doc that are values: those in `doc._.values`, and those of `doc.cats` with a
    number that no class can have, below 0 or above 1."""
    others = ((key, number) for key, number in doc.cats.items() if number not in _OF_CLASSES)
    return {*noted_values(doc), *(key for key, n in others if not 0 <= _finite(n) <= 1)}


def values_of(doc: Doc) -> dict[str, float]:
    """The values of a Doc, those in `doc.cats` before others of the same keys.

    RAISES (MTLError): If one is no number.
    """
    keys = value_keys(doc)
    given = {**noted_values(doc), **{k: v for k, v in doc.cats.items() if k in keys}}
    values = {key: checked_value(key, value) for key, value in given.items()}
    return {key: value for key, value in values.items() if value is not None}


def checked_value(key: str, value: Any) -> float | None:
    """The value as a number; None for a missing one.

    RAISES (MTLError): If it is something else.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(_as_float(value)):
        raise MTLError(
            f"Expected a finite number as the value of '{key}', got {value!r}. Leave the key out "
            "where the value is unknown."
        )
    return float(value)


def noted_values(doc: Doc) -> Mapping[str, Any]:
    """What `doc._.values` has; nothing if it is something else than values."""
    noted = doc.user_data.get(_KEY)
    return noted if isinstance(noted, Mapping) else {}


def note_values(doc: Doc, values: Mapping[str, Any]) -> None:
    """Add to `doc._.values`, in place of those of the same keys."""
    if values:
        doc.user_data[_KEY] = {**noted_values(doc), **values}


def note_keys(doc: Doc, keys: Iterable[str]) -> None:
    """Note that these keys of the Doc's `doc.cats`, as far as it has them, are values; what was
    noted of them stays."""
    cats: Mapping[str, Any] = doc.cats
    noted = noted_values(doc)
    note_values(doc, {key: cats[key] for key in keys if key in cats and key not in noted})


def forget_values(doc: Doc) -> None:
    """Take all values away, from `doc._.values` and from `doc.cats`."""
    keys = value_keys(doc)
    doc.cats = {key: number for key, number in doc.cats.items() if key not in keys}
    if noted_values(doc):
        del doc.user_data[_KEY]


def register_extension() -> None:
    """Add `Doc._.values`, None where there are none; another one of this name stays."""
    settings = (None, None, None, None)  # default, method, getter, setter
    if not Doc.has_extension(EXTENSION):
        Doc.set_extension(EXTENSION, default=None)
    elif Doc.get_extension(EXTENSION) != settings:
        warnings.warn(
            f"The extension Doc._.{EXTENSION} exists, and stays. The values that multitask "
            "predicts has `spacy_mtl.values.values_of`.",
            stacklevel=2,
        )


def _is_value(key: Any, number: Any) -> bool:
    if number in _OF_CLASSES or not isinstance(key, str):
        return False
    number = _finite(number)
    is_of_group = "=" in key and 0 <= number <= 1
    return number != 0 and not is_of_group  # 0 for what is no number


def _finite(number: Any) -> float:
    """The number; 0 for what is none, which is no value then."""
    value = _as_float(number) if isinstance(number, Real) else 0.0
    return value if isfinite(value) else 0.0


def _as_float(number: Any) -> float:
    """The number; infinite if it is too large for a float."""
    try:
        return float(number)
    except OverflowError:
        return inf
