"""Labels of all formats: blanks around them, and the ways to write a missing one."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TypeVar

from ..errors import FormatError
from ..layers.tokens import TokenLayer
from .records import COLUMNS, Record, Remark

# Whatever Unicode counts as a blank, and what shows as nothing at all.
_BLANKS = (
    "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\u180e\u200b\u200e\u200f\u2060\ufeff"
)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_WHOLE = re.compile(r"([-+]?\d+)\.0*")
_TAG = re.compile(r"([A-Z][-_])(.+)", re.S)

_Value = TypeVar("_Value", bool, float)


def strip_blanks(label: str) -> str:
    """The label without blanks around it, no-break spaces and invisible characters included."""
    return label.strip(_BLANKS)


def is_number(label: str) -> bool:
    """Whether it reads as a number."""
    return _NUMBER.fullmatch(label) is not None


def whole_number(label: str) -> str:
    """The label, or "1" for "1.0"."""
    match = _WHOLE.fullmatch(label)
    return match[1] if match else label


def clean_labels(record: Record, missing: Collection[str], outside: bool, path: Path) -> Record:
    """The record, with blanks around all of its labels stripped and some taken as missing.

    Words and texts are left as they are; for the labels of spans see `clean_spans`.

    missing: Labels of tokens and values of class groups that stand for a missing one; each is
        remarked on.
    outside: Whether tokens without an entity tag are outside of entities; those with one that
        stands for a missing one are not.
    path: The file, for messages.
    RAISES (FormatError): If two categories become one and have different values.
    """
    for column, layer in COLUMNS.items():
        values = getattr(record, column)
        if values is not None and layer.no_label is not None:
            no_label = "O" if outside and column == "ner" else None
            setattr(record, column, _token_labels(record, layer, values, missing, no_label))
    if record.cats is not None:
        record.cats = _merged(record, record.cats, path)
    classes = {group: _class(record, group, missing) for group in record.classes}
    record.classes = {group: values for group, values in classes.items() if values is not None}
    choices = {group: _merged(record, judged, path) for group, judged in record.judged.items()}
    judged = {group: _judged(record, group, choices[group], missing) for group in choices}
    record.judged = {group: known for group, known in judged.items() if known}
    return record


def is_missing(label: str, missing: Collection[str]) -> bool:
    """Whether a label stands for a missing one."""
    return label in missing or whole_number(label) in missing


def taken_as_missing(label: str, name: str, source: str) -> Remark:
    """The remark on a label that stands for a missing one.

    name: Whose label it is.
    source: The text that has it.
    """
    return Remark(f"{label!r} as {name} was taken as missing (--missing '' keeps it)", source)


def _token_labels(
    record: Record,
    layer: TokenLayer,
    values: Sequence[str | None],
    missing: Collection[str],
    no_label: str | None,
) -> list[str | None]:
    cleaned: dict[str | None, str | None] = {None: no_label}
    for i, value in enumerate(values):
        if value is None or value in cleaned:
            continue
        label = strip_blanks(value)
        type = label
        if layer.column == "ner" and (match := _TAG.fullmatch(label)):
            type = strip_blanks(match[2])
            label = match[1] + type
        elif layer.column == "morphs" and label == "_":
            label = type = ""
        if is_missing(label, missing) or is_missing(type, missing):
            word = "".join((record.words or [])[i : i + 1])
            record.remarks.append(taken_as_missing(label, layer.label_name, word))
            cleaned[value] = None
        else:
            cleaned[value] = no_label if label in (layer.no_label or ()) else label
    return [cleaned[value] for value in values]


def _class(record: Record, group: str, missing: Collection[str]) -> list[str] | None:
    """The values of a class group, None if all that there were are missing."""
    values = record.classes[group]
    known: dict[str, None] = {}
    for label in filter(None, map(strip_blanks, values)):
        if is_missing(label, missing):
            record.remarks.append(taken_as_missing(label, group or "label", _text(record)))
        else:
            known[label] = None
    return None if values and not known else [*known]


def _judged(
    record: Record, group: str, judged: dict[str, bool], missing: Collection[str]
) -> dict[str, bool]:
    """What is known of the classes of a group: nothing if all that apply are missing."""
    known = {label: is_so for label, is_so in judged.items() if not is_missing(label, missing)}
    for label in (label for label in judged if label not in known):
        record.remarks.append(taken_as_missing(label, group or "label", _text(record)))
    return known if any(known.values()) or not any(judged.values()) else {}


def _text(record: Record) -> str:
    return record.text or " ".join(record.words or ())


def _merged(record: Record, cats: dict[str, _Value], path: Path) -> dict[str, _Value]:
    cleaned: dict[str, _Value] = {}
    for key, value in cats.items():
        label = strip_blanks(key)
        if cleaned.setdefault(label, value) != value:
            raise FormatError(
                f"Expected one value of the category {label!r}, got {cleaned[label]} and {value}, "
                "the labels being the same but for blanks around them. Remove one.",
                path,
                record.line,
            )
    return cleaned
