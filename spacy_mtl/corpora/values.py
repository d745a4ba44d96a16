"""Values of all formats: numbers, also as text, and the ways to write a missing one."""

from __future__ import annotations

import json
from collections.abc import Collection
from math import isfinite, isnan
from pathlib import Path
from typing import Any

from ..errors import FormatError
from .labels import is_missing, is_number, strip_blanks
from .records import VALUES, Record, Remark


def clean_values(record: Record, missing: Collection[str], path: Path) -> Record:
    """The record with numbers as its values, without those that are missing.

    missing: What stands for a missing one, beside nothing at all; each is remarked on.
    path: The file, for messages.
    RAISES (FormatError): If something else is no number.
    """
    given = record.values.pop(VALUES, {})
    known: dict[str, float] = {}
    for name, value in given.items():
        text = _text(value)
        if not text:
            continue
        if is_missing(text, missing):
            what = f"{text!r} as {name} was taken as missing (--missing '' keeps it)"
            record.remarks.append(Remark(what, record.text or " ".join(record.words or ())))
        elif is_number(text) and isfinite(float(text)):
            known[name] = float(text)
        else:
            raise FormatError(
                f"Expected a number as the value of {name!r}, got {text!r}. Correct it, or name it "
                "in --missing if it stands for a missing one.",
                path,
                record.line,
            )
    if known:
        record.values[VALUES] = known
    return record


def _text(value: Any) -> str:
    """The value as text, as files have it; "" for null and NaN."""
    if isinstance(value, str):
        return strip_blanks(value)
    is_nan = isinstance(value, float) and isnan(value)
    return "" if value is None or is_nan else json.dumps(value)
