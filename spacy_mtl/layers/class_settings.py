"""Settings of the task that classifies documents, by what the documents are."""

from __future__ import annotations

from math import log2, sqrt
from typing import Any

from .proposals import Found

SHORT = 40.0  # words
MIN_ROWS, MAX_ROWS = 2**14, 2**18
MAX_PARAMETERS = 2**24  # of the table of n-grams: 64 MB
DISTINCT = 0.5  # of the n-grams of a corpus, at most, are different ones


def head_settings(found: Found) -> dict[str, tuple[Any, str]]:
    """Settings that depend on the data, each with the reason for it, see docs/classes.md."""
    words = f"{found.words:.0f} words in a document"
    size = 2 if found.words < SHORT else 1
    why = "so few that pairs help" if size == 2 else "so many that single ones do"
    n_rows = _rows(found, size)
    length = max(round(sqrt(found.words * size), 1), 1.0)
    return {
        "ngram_size": (size, f"{words}, {why}."),
        "ngram_rows": (
            n_rows,
            f"{found.docs:,} documents with {words}, {len(found.labels)} classes; memory is rows "
            "times classes.",
        ),
        "ngram_length": (length, f"The square root of the n-grams in a document, of {words}."),
    }


def _rows(found: Found, size: int) -> int:
    """A power of two that holds the different n-grams, as far as memory allows."""
    wanted = 2 ** round(log2(max(found.docs * found.words * size * DISTINCT, 1)))
    allowed = 2 ** int(log2(MAX_PARAMETERS / max(len(found.labels), 1)))
    return int(min(max(wanted, MIN_ROWS), MAX_ROWS, max(allowed, MIN_ROWS)))
