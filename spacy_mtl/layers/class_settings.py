"""Settings of the tasks that classify or rate documents, by what the documents are."""

from __future__ import annotations

from math import log2, sqrt
from statistics import median
from typing import Any

from .proposals import Found

SHORT = 40.0  # words
PAIRS = 2
CHARACTERS = [3, 5]
PER_WORD = 10  # n-grams of so many characters, in English
NGRAM_SHARE = 0.67
PER_CLASS = 0.25  # of a document's words, as loudly as which its class speaks to the encoder
PRETRAINED_SCALE = 30.0  # of pooled vectors, about the root of their number of features
FEW = 50  # documents of a class
SMOOTHING = 0.1
MIN_ROWS, MAX_ROWS = 2**14, 2**18
MAX_PARAMETERS = 2**24  # of the table of n-grams: 64 MB
DISTINCT = 0.25  # of the n-grams of a corpus, at most, are different ones

Chosen = dict[str, tuple[Any, str]]


def head_settings(found: Found) -> Chosen:
    """Settings that depend on the data, each with the reason for it, see docs/classes.md."""
    n_classes = max(len(found.labels), 1)
    is_short = found.words < SHORT
    has_chars = is_short and n_classes > 2
    n_grams = found.words * (PAIRS + PER_WORD * has_chars)
    memory = "; memory is rows times classes" if found.labels else ""  # a value has no labels
    settings: Chosen = {
        "ngram_size": (PAIRS, "Words and pairs of words."),
        "ngram_share": (NGRAM_SHARE, "N-grams and encoder learn apart, and decide together."),
        "ngram_length": (
            max(round(sqrt(n_grams) / 2, 1), 1.0),
            f"Half the root of the number of n-grams in {found.words:.0f} words, the mean length.",
        ),
        "ngram_rows": (
            _rows(found, n_grams),
            f"Room for the n-grams of {found.docs:,} documents{memory}.",
        ),
    }
    if has_chars:
        settings["char_ngrams"] = (
            CHARACTERS,
            f"{n_classes} classes of short texts: forms of a word are alike.",
        )
    if found.pretrained:
        settings["pooled_scale"] = (
            PRETRAINED_SCALE,
            "The encoder knows much already: what it says is learned in few steps.",
        )
    elif found.beside_words and not is_short:
        settings["encoder_gradient"] = (
            round(found.words * PER_CLASS, 1),
            "A quarter of the words in a document, each of which teaches the encoder too.",
        )
    typical = median(found.counts.values()) if found.counts else 0
    if is_short and found.exclusive and typical < FEW:
        settings["label_smoothing"] = (
            SMOOTHING,
            f"Half of the classes have {typical:.0f} documents or fewer: too few to be sure by.",
        )
    return settings


def _rows(found: Found, n_grams: float) -> int:
    """A power of two that holds the different n-grams, as far as memory allows."""
    wanted = 2 ** round(log2(max(found.docs * n_grams * DISTINCT, 1)))
    allowed = 2 ** int(log2(MAX_PARAMETERS / max(len(found.labels), 1)))
    return int(min(max(wanted, MIN_ROWS), MAX_ROWS, allowed))
