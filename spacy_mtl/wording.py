"""Numbers and names as pages, cards and tables write them."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
_NONCHARACTERS = "\ufffe\uffff"  # no characters, says Unicode, and XML


def percent(share: float | None, digits: int = 1) -> str:
    """A score from 0 to 1 in per cent, without the sign."""
    return NOTHING if share is None or math.isnan(share) else f"{100 * share:.{digits}f}"


def points(difference: float, digits: int = 1) -> str:
    """A difference of scores in percentage points, always with its sign."""
    return signed(100 * difference, digits)


def score(value: float, is_share: bool) -> str:
    """A score as it is shown: a share in per cent, another in its own unit."""
    return percent(value) if is_share else number(value)


def difference(value: float, is_share: bool) -> str:
    """A difference of scores, always with its sign: of shares in points."""
    return points(value) if is_share else signed(value, 3)


def interval(low: float, high: float, is_share: bool) -> str:
    """Both ends of the interval of a difference."""
    return f"{difference(low, is_share)} to {difference(high, is_share)}"


def signed(value: float, digits: int = 1) -> str:
    """Always with a sign, but for what is rounded to 0."""
    text = f"{value:+.{digits}f}"
    if not float(text):
        return text[1:]
    return text.replace("-", MINUS)


def number(value: float, digits: int = 3) -> str:
    """With a real minus sign, a dash for NaN."""
    return NOTHING if math.isnan(value) else f"{value:.{digits}f}".replace("-", MINUS)


def megabytes(n_bytes: float) -> str:
    """Of bytes, in MB."""
    return f"{n_bytes / 1e6:,.1f} MB"


def seconds(value: float) -> str:
    """In the unit that people would use."""
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def joined(names: Sequence[str], most: int = 4) -> str:
    """An enumeration: "a, b and c"; of many the first, and how many more."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def counted(n: int, noun: str) -> str:
    """ "1 seed", "2 seeds"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def short(name: str, most: int = 16) -> str:
    """A name on one line, cut where it is too long, for a chart."""
    plain = " ".join(printable(name).split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def printable(text: str) -> str:
    """Without control characters and such, which HTML and SVG cannot hold."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _unfit(char) else char for char in text)


def _unfit(char: str) -> bool:
    if char in _NONCHARACTERS:
        return True
    return unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\r\t"
