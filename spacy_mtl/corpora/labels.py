"""Labels of all formats: blanks around them, and the ways to write a missing one."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TypeVar

from ..errors import FormatError
from .records import CharSpan, Record, Remark

# Whatever Unicode counts as a blank, and what shows as nothing at all.
_BLANKS = (
    "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\u180e\u200b\u200e\u200f\u2060\ufeff"
)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_WHOLE = re.compile(r"([-+]?\d+)\.0*")
_TAG = re.compile(r"([A-Z][-_])(.+)", re.S)

_Value = TypeVar("_Value", bool, float)

_NAMES = {"tags": "tag", "pos": "pos", "morphs": "morph", "ner": "entity tag"}
_NO_LABEL = {"tags": ("", "_"), "pos": ("", "_"), "morphs": (), "ner": ("", "_", "-")}


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


def clean_labels(record: Record, missing: Collection[str], path: Path) -> Record:
    """The record, with blanks around all of its labels stripped and some taken as missing.

    Words and texts are left as they are.

    missing: Labels of tokens and values of class groups that stand for a missing one; each is
        remarked on.
    path: The file, for messages.
    RAISES (FormatError): If two categories become one and have different values.
    """
    for layer in _NAMES:
        values = getattr(record, layer)
        if values is not None:
            setattr(record, layer, _token_labels(record, layer, values, missing))
    if record.ents is not None:
        record.ents = _spans(record.ents)
    if record.spans is not None:
        groups: dict[str, list[CharSpan]] = {}
        for key, spans in record.spans.items():
            groups.setdefault(strip_blanks(key), []).extend(_spans(spans))
        record.spans = groups
    if record.cats is not None:
        record.cats = _merged(record, record.cats, path)
    classes = {group: _class(record, group, missing) for group in record.classes}
    record.classes = {group: values for group, values in classes.items() if values is not None}
    for group, judged in record.judged.items():
        merged = _merged(record, judged, path)
        record.judged[group] = {k: is_so for k, is_so in merged.items() if k not in missing}
    return record


def _token_labels(
    record: Record, layer: str, values: Sequence[str | None], missing: Collection[str]
) -> list[str | None]:
    cleaned: dict[str | None, str | None] = {None: None}
    for i, value in enumerate(values):
        if value is None or value in cleaned:
            continue
        label = strip_blanks(value)
        if layer == "ner" and (match := _TAG.fullmatch(label)):
            label = match[1] + strip_blanks(match[2])
        elif layer == "morphs" and label == "_":
            label = ""
        if label in missing:
            words = record.words or [""]
            record.remarks.append(_taken_as_missing(label, _NAMES[layer], words[i : i + 1]))
        cleaned[value] = None if label in missing or label in _NO_LABEL[layer] else label
    return [cleaned[value] for value in values]


def _class(record: Record, group: str, missing: Collection[str]) -> list[str] | None:
    """The values of a class group, None if all that there were are missing."""
    values = record.classes[group]
    known: dict[str, None] = {}
    for label in filter(None, map(strip_blanks, values)):
        if label in missing or whole_number(label) in missing:
            text = [record.text] if record.text else record.words or []
            record.remarks.append(_taken_as_missing(label, group or "label", text))
        else:
            known[label] = None
    return None if values and not known else [*known]


def _taken_as_missing(label: str, name: str, source: Sequence[str]) -> Remark:
    what = f"{label!r} as {name} was taken as missing (--missing '' keeps it)"
    return Remark(what, " ".join(source))


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


def _spans(spans: Sequence[CharSpan]) -> list[CharSpan]:
    return [(start, end, strip_blanks(label)) for start, end, label in spans]
