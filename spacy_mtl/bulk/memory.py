"""Memory that was freed, back to the operating system."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache


def release_free_memory() -> None:
    """Give back what the C library keeps for later, where it is glibc (Linux).

    Batches of ever other sizes leave gaps between what stays, which add up over millions of words.
    """
    _trim()(0)


@cache
def _trim() -> Callable[[int], object]:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library, or system
        return lambda keep: None
