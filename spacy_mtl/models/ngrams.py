"""A linear layer over a document's bag of n-grams, hashed into a table of fixed size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import Model
from thinc.types import Floats2d

from .packed import Packed
from .tables import add_to_rows

# Odd 64-bit constants of Steele, Lea & Flood 2014 (SplitMix64), for mixing hashes.
_MIX = np.uint64(0x9E3779B97F4A7C15)
_SPREAD = np.uint64(0xBF58476D1CE4E5B9)


def NgramLinear(
    ngram_size: int, rows: int, attr: str, nO: int | None = None
) -> Model[Packed, Floats2d]:
    """Class scores linear in the counts of a document's n-grams: (n_docs, nO).

    Feature hashing (Weinberger et al. 2009, https://arxiv.org/abs/0902.2206): each n-gram of 1
    to `ngram_size` tokens picks a row of the parameter `W`, (rows, nO), which starts at zero.
    One that occurs n times counts as the square root of n, so that the frequent words of long
    documents do not drown the others. attr: the token attribute, "ORTH", "LOWER" or "NORM".
    """
    return Model(
        "ngram_linear",
        forward,
        init=init,
        dims={"nO": nO, "nI": rows},
        params={"W": None},
        attrs={"ngram_size": ngram_size, "attr": attr},
    )


def forward(
    model: Model[Packed, Floats2d], packed: Packed, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Packed]]:
    """Sum the weighted rows of each document's n-grams."""
    ops = model.ops
    W: Any = model.get_param("W")
    size, attr, n_rows = model.attrs["ngram_size"], model.attrs["attr"], model.get_dim("nI")
    place = ("ngrams", size, attr, n_rows)
    found, occurrences, counts = packed.once(place, lambda: _counted(packed, size, attr, n_rows))
    filled = np.flatnonzero(counts)
    scores = ops.alloc2f(len(counts), W.shape[1])
    if not len(filled):
        return scores, lambda dY: packed
    ids = ops.xp.asarray(found)
    values = ops.xp.asarray(np.sqrt(occurrences, dtype="float32")[:, None])
    lengths = ops.xp.asarray(counts[filled])
    rows = ops.xp.asarray(filled)
    scores[rows] = ops.reduce_sum(W[ids] * values, lengths)

    def backprop(dY: Floats2d) -> Packed:
        d_rows = ops.backprop_reduce_sum(dY[rows], lengths) * values
        add_to_rows(model, "W", [ids], d_rows)
        return packed

    return scores, backprop


def init(model: Model[Packed, Floats2d], X: Packed | None = None, Y: object = None) -> None:
    """Set the table to zero, once the number of classes is known."""
    model.set_param("W", model.ops.alloc2f(model.get_dim("nI"), model.get_dim("nO")))


def _counted(
    packed: Packed, size: int, attr: str, n_rows: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """The distinct rows of each document, how often each occurs, and how many each has."""
    rows, docs = ngram_rows(packed.attributes(attr)[:, 0], packed.lengths, size, n_rows)
    pairs, occurrences = np.unique(docs * n_rows + rows, return_counts=True)
    docs, rows = np.divmod(pairs, n_rows)
    counts = np.bincount(docs, minlength=len(packed.lengths))
    return rows.astype("int32"), occurrences.astype("int32"), counts.astype("int32")


def ngram_rows(
    tokens: NDArray[np.uint64], lengths: NDArray[np.int32], size: int, n_rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The table rows of all n-grams of 1 to `size` tokens, and their documents.

    tokens: (n_tokens,) a hash of each; lengths: (n_docs,) tokens per document.
    """
    doc_of = np.repeat(np.arange(len(lengths)), lengths)
    hashed = tokens * _MIX
    parts, docs = [hashed], [doc_of]
    for n in range(2, size + 1):
        hashed = (hashed[:-1] ^ (hashed[:-1] >> np.uint64(29))) * _SPREAD + tokens[n - 1 :] * _MIX
        whole = doc_of[: len(hashed)] == doc_of[n - 1 :]  # begins and ends in the same document
        parts.append(hashed[whole])
        docs.append(doc_of[: len(hashed)][whole])
    mixed = np.concatenate(parts)
    mixed ^= mixed >> np.uint64(32)
    return (mixed % np.uint64(n_rows)).astype("int64"), np.concatenate(docs)
