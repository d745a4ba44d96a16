"""Settings of the task that classifies documents, by what the documents are."""

from __future__ import annotations

from math import log2, sqrt
from typing import Any

from .proposals import Found

SHORT = 40.0  # words
CHARACTERS = [3, 5]
PER_WORD = 10  # n-grams of so many characters, in English
MIN_ROWS, MAX_ROWS = 2**14, 2**18
MAX_PARAMETERS = 2**24  # of the table of n-grams: 64 MB
DISTINCT = 0.25  # of the n-grams of a corpus, at most, are different ones


def head_settings(found: Found) -> dict[str, tuple[Any, str]]:
    """Settings that depend on the data, each with the reason for it, see docs/classes.md."""
    words = f"{found.words:.0f} words in a document"
    is_short = found.words < SHORT
    n_grams = found.words * (2 + PER_WORD if is_short else 1)
    settings: dict[str, tuple[Any, str]] = {}
    if is_short:
        settings["ngram_size"] = (2, f"{words}: so few that pairs of words help.")
        settings["char_ngrams"] = (
            CHARACTERS,
            "In short texts it matters that forms of a word are alike; in long ones it costs time.",
        )
    else:
        settings["ngram_size"] = (1, f"{words}: so many that pairs of words seldom come again.")
    settings["ngram_length"] = (
        max(round(sqrt(n_grams), 1), 1.0),
        "The square root of the number of n-grams in a document, so that long ones teach no more "
        "than short ones.",
    )
    settings["ngram_rows"] = (
        _rows(found, n_grams),
        f"{found.docs:,} documents and {len(found.labels)} classes: room for the n-grams that "
        "differ; memory is rows times classes.",
    )
    return settings


def _rows(found: Found, n_grams: float) -> int:
    """A power of two that holds the different n-grams, as far as memory allows."""
    wanted = 2 ** round(log2(max(found.docs * n_grams * DISTINCT, 1)))
    allowed = 2 ** int(log2(MAX_PARAMETERS / max(len(found.labels), 1)))
    return int(min(max(wanted, MIN_ROWS), MAX_ROWS, max(allowed, MIN_ROWS)))
