"""A linear layer over a document's bag of n-grams, hashed into a table of fixed size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from .packed import Packed

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
    found = [
        np.unique(ngram_rows(doc, size, attr, n_rows), return_counts=True) for doc in packed.docs
    ]
    counts = np.asarray([len(rows) for rows, _ in found], dtype="int32")
    filled = np.flatnonzero(counts)
    scores = ops.alloc2f(len(found), W.shape[1])
    if not len(filled):
        return scores, lambda dY: packed
    ids = ops.xp.asarray(np.concatenate([rows for rows, _ in found]))
    occurrences = np.concatenate([n for _, n in found]).astype("float32")
    values = ops.xp.asarray(np.sqrt(occurrences)[:, None])
    lengths = ops.xp.asarray(counts[filled])
    rows = ops.xp.asarray(filled)
    scores[rows] = ops.reduce_sum(W[ids] * values, lengths)

    def backprop(dY: Floats2d) -> Packed:
        d_rows = ops.backprop_reduce_sum(dY[rows], lengths) * values
        dW = ops.alloc2f(*W.shape)
        ops.scatter_add(dW, ids, d_rows)
        model.inc_grad("W", dW)
        return packed

    return scores, backprop


def init(model: Model[Packed, Floats2d], X: Packed | None = None, Y: object = None) -> None:
    """Set the table to zero, once the number of classes is known."""
    model.set_param("W", model.ops.alloc2f(model.get_dim("nI"), model.get_dim("nO")))


def ngram_rows(doc: Doc, size: int, attr: str, rows: int) -> NDArray[np.int32]:
    """The table rows of all n-grams of 1 to `size` tokens of a document, in reading order."""
    tokens = doc.to_array(attr).astype("uint64").reshape(-1)
    hashed = tokens * _MIX
    parts = [hashed]
    for n in range(2, size + 1):
        if len(tokens) < n:
            break
        hashed = (hashed[:-1] ^ (hashed[:-1] >> np.uint64(29))) * _SPREAD + tokens[n - 1 :] * _MIX
        parts.append(hashed)
    mixed = np.concatenate(parts)
    mixed ^= mixed >> np.uint64(32)
    return (mixed % np.uint64(rows)).astype("int32")
