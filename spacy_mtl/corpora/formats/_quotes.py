"""Whether the quotes of a tab-separated file enclose fields, as in CSV, or are characters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..records import Remark
from ._text import Line

_PROPER = re.compile(r'"(?:[^"]|"")*"|[^"]*')
_NAMES = {"\t": "tabs", ",": "commas", ";": "semicolons"}


def enclose_fields(lines: Iterable[Line], delimiter: str) -> bool | None:
    """Whether quotes are there to enclose fields, None if only the rows as a whole can tell.

    If each line has the header's number of columns, a row is a line, and quotes enclose fields
    only if no other quote is to be seen, and either the header is all in quotes or a quote
    within a field is doubled, as those who write CSV do it.
    """
    n_columns = 0
    proper = True
    doubled = False
    for line in lines:
        fields = line.text.split(delimiter) if line.text else []
        if not n_columns:
            n_columns = len(fields)
            doubled = all(len(field) > 1 and _is_enclosed(field) for field in fields)
        elif fields and len(fields) != n_columns:
            return None
        for field in fields:
            if '"' in field:
                proper = proper and _PROPER.fullmatch(field) is not None
                doubled = doubled or (_is_enclosed(field) and '""' in field[1:-1])
    return proper and doubled


def remarks(row: Sequence[str], source: str, delimiter: str, quoted: bool) -> list[Remark]:
    """What a user may want to have otherwise.

    row: The fields.
    source: The lines that they were read from.
    delimiter: What separates them.
    quoted: Whether quotes were taken to enclose them.
    """
    found = []
    merged = [field for field in row if "\n" in field and delimiter in field]
    if merged:
        what = f"a field has line breaks and {_NAMES[delimiter]}, as if a quote had merged rows"
        found.append(Remark(f"{what} (--no-quotes takes quotes as characters)", merged[0]))
    elif quoted and delimiter == "\t" and '"' in source:
        what = "quotes were read as in CSV (--no-quotes takes them as characters)"
        found.append(Remark(what, source))
    enclosed = [field for field in row if not quoted and _is_enclosed(field)]
    if enclosed:
        what = "quotes around a field were kept as characters (--quotes reads them as in CSV)"
        found.append(Remark(what, enclosed[0]))
    return found


def _is_enclosed(field: str) -> bool:
    return len(field) > 1 and field[0] == field[-1] == '"'
