"""A linear layer over a document's bag of n-grams, hashed into a table of fixed size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import Model
from thinc.types import Floats2d

from .encoders.backends import backend_for
from .packed import Packed
from .tables import add_to_rows

# Odd 64-bit constants of Steele, Lea & Flood 2014 (SplitMix64), for mixing hashes.
_MIX = np.uint64(0x9E3779B97F4A7C15)
_SPREAD = np.uint64(0xBF58476D1CE4E5B9)


def NgramLinear(
    ngram_size: int,
    rows: int,
    attr: str,
    nO: int | None = None,
    *,
    char_sizes: tuple[int, int] = (0, 0),
    gain: float = 0.0,
    dropout: float = 0.0,
) -> Model[Packed, Floats2d]:
    """Class scores linear in the counts of a document's n-grams: (n_docs, nO).

    Feature hashing (Weinberger et al. 2009, https://arxiv.org/abs/0902.2206): each n-gram of 1
    to `ngram_size` tokens picks a row of the parameter `W`, (rows, nO), which starts at zero.
    One that occurs n times counts as the square root of n, so that the frequent words of long
    documents do not drown the others. attr: the token attribute, "ORTH", "LOWER" or "NORM".

    char_sizes: the fewest and the most characters of n-grams within words, of which the first
        and the last have a mark before or behind them; 0 and 0 for none.
    gain: the length that each document's vector of counts is brought to; 0 leaves it as it is.
    dropout: the share of a document's n-grams that is left out in training, whatever the dropout
        of other layers; the others count for more in return.
    """
    return Model(
        "ngram_linear",
        forward,
        init=init,
        dims={"nO": nO, "nI": rows},
        params={"W": None},
        attrs={
            "ngram_size": ngram_size,
            "attr": attr,
            "char_sizes": list(char_sizes),
            "gain": gain,
            "dropout": dropout,
        },
    )


def forward(
    model: Model[Packed, Floats2d], packed: Packed, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Packed]]:
    """Sum the weighted rows of each document's n-grams."""
    ops: Any = model.ops
    W: Any = model.get_param("W")
    found, values, counts = _weighted(model, packed)
    filled = np.flatnonzero(counts)
    scores = ops.alloc2f(len(counts), W.shape[1])
    if not len(filled):
        return scores, lambda dY: packed
    ids = ops.xp.asarray(found)
    weights = ops.xp.asarray(values)
    if is_train and model.attrs["dropout"]:
        weights = weights * ops.get_dropout_mask(weights.shape, model.attrs["dropout"])
    lengths = ops.xp.asarray(counts[filled])
    rows = ops.xp.asarray(filled)
    scores[rows] = backend_for(ops).sum_rows(W, ids, weights, lengths)

    def backprop(dY: Floats2d) -> Packed:
        d_rows = ops.backprop_reduce_sum(dY[rows], lengths) * weights[:, None]
        add_to_rows(model, "W", [ids], d_rows)
        return packed

    return scores, backprop


def init(model: Model[Packed, Floats2d], X: Packed | None = None, Y: object = None) -> None:
    """Set the table to zero, once the number of classes is known."""
    model.set_param("W", model.ops.alloc2f(model.get_dim("nI"), model.get_dim("nO")))


def _weighted(
    model: Model[Packed, Floats2d], packed: Packed
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int32]]:
    kind = noted_as(model)
    return packed.once(kind, lambda: count_ngrams(packed, *kind[1:]))


def noted_as(model: Model[Packed, Floats2d]) -> tuple[Any, ...]:
    """Under which key the notes of a batch have what `count_ngrams` gives for this layer."""
    size, attr, gain = (model.attrs[name] for name in ("ngram_size", "attr", "gain"))
    return "ngrams", size, attr, tuple(model.attrs["char_sizes"]), gain, model.get_dim("nI")


def count_ngrams(
    packed: Packed, size: int, attr: str, chars: tuple[int, int], gain: float, n_rows: int
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int32]]:
    """The distinct rows of each document, how much each counts, and how many each has.

    See `NgramLinear`; n_rows: of the table.
    """
    tokens = packed.attributes(attr)[:, 0]
    rows, docs = ngram_rows(tokens, packed.lengths, size, n_rows)
    if chars[1]:
        parts = char_rows(tokens, packed, chars, n_rows)
        rows, docs = (np.concatenate(pair) for pair in zip((rows, docs), parts, strict=True))
    pairs, occurrences = np.unique(docs * n_rows + rows, return_counts=True)
    docs, rows = np.divmod(pairs, n_rows)
    counts = np.bincount(docs, minlength=len(packed.lengths))
    values = np.sqrt(occurrences, dtype="float32")
    if gain:
        lengths = np.sqrt(np.bincount(docs, values**2, len(packed.lengths)))
        values *= (gain / lengths[docs]).astype("float32")
    return rows.astype("int32"), values, counts.astype("int32")


def char_rows(
    tokens: NDArray[np.uint64], packed: Packed, sizes: tuple[int, int], n_rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The table rows of the n-grams of characters within each word, and their documents."""
    words, which = np.unique(tokens, return_inverse=True)
    texts = [f"\x02{text}\x03" for text in _texts(words.tolist(), packed)]
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), "uint32")
    lengths = np.asarray([len(text) for text in texts], "int32")
    rows, word_of = ngram_rows(codes.astype("uint64"), lengths, sizes[1], n_rows, sizes[0])
    order = np.argsort(word_of, kind="stable")
    n_each = np.bincount(word_of, minlength=len(words))
    starts = np.cumsum(n_each) - n_each
    n_token = n_each[which]
    places = np.arange(n_token.sum()) - np.repeat(np.cumsum(n_token) - n_token, n_token)
    doc_of = np.repeat(np.arange(len(packed.lengths)), packed.lengths)
    return rows[order][np.repeat(starts[which], n_token) + places], np.repeat(doc_of, n_token)


def _texts(words: list[int], packed: Packed) -> list[str]:
    """The words' texts; documents may be of several vocabularies."""
    stores: list[Any] = list({id(doc.vocab): doc.vocab.strings for doc in packed.docs}.values())
    if len(stores) == 1:
        return [stores[0][word] for word in words]
    return [next(store[word] for store in stores if word in store) for word in words]


def ngram_rows(
    tokens: NDArray[np.uint64],
    lengths: NDArray[np.int32],
    size: int,
    n_rows: int,
    least: int = 1,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The table rows of all n-grams of `least` to `size` tokens, and their documents.

    tokens: (n_tokens,) a hash of each; lengths: (n_docs,) tokens per document.
    """
    doc_of = np.repeat(np.arange(len(lengths)), lengths)
    hashed = tokens * _MIX
    parts, docs = ([hashed], [doc_of]) if least <= 1 else ([], [])
    for n in range(2, size + 1):
        hashed = (hashed[:-1] ^ (hashed[:-1] >> np.uint64(29))) * _SPREAD + tokens[n - 1 :] * _MIX
        if n < least:
            continue
        whole = doc_of[: len(hashed)] == doc_of[n - 1 :]  # begins and ends in the same document
        parts.append(hashed[whole])
        docs.append(doc_of[: len(hashed)][whole])
    mixed = np.concatenate(parts)
    mixed ^= mixed >> np.uint64(32)
    return (mixed % np.uint64(n_rows)).astype("int64"), np.concatenate(docs)
