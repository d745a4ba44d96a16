"""Where tokens of whitespace stand in a tree: they head nothing, and begin no sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def attached_spaces(
    heads: NDArray[np.int64],
    is_space: NDArray[np.bool_],
    starts: NDArray[np.bool_],
    lengths: NDArray[np.int64],
) -> NDArray[np.int64]:
    """(n_tokens,) heads with those of whitespace set: the word before, or at the beginning of a
    document the word after. In a document without words the first token is the root, and so it is
    where that word begins a sentence by itself.

    heads: (n_tokens,) the number of each token's head in the batch. starts: (n_tokens,) where
    sentences begin. lengths: (n_docs,).
    """
    if not is_space.any():
        return heads
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    end = np.repeat(np.cumsum(lengths), lengths)
    tokens = np.arange(len(heads))
    before = np.maximum.accumulate(np.where(is_space, -1, tokens))
    after = np.minimum.accumulate(np.where(is_space, len(heads), tokens)[::-1])[::-1]
    inside = (after < end) & ~np.append(starts, False)[after]
    word = np.where(before >= first, before, np.where(inside, after, first))
    return np.where(is_space, word, heads)


def starts_at_words(
    starts: NDArray[Any], is_space: NDArray[np.bool_], first: NDArray[np.bool_]
) -> NDArray[Any]:
    """(n_tokens,) starts of sentences, those at whitespace moved to the word after it, if its
    document has one.

    starts: (n_tokens,) 1 where a sentence begins. first: (n_tokens,) whether each is the first one
        of its document, whose start stays, as it says nothing of the word after it.
    """
    moved = np.flatnonzero((starts == 1) & is_space & ~first)
    if not len(moved):
        return starts
    words = np.flatnonzero(~is_space)
    place = np.searchsorted(words, moved)
    moved, place = moved[place < len(words)], place[place < len(words)]
    document = np.cumsum(first)
    inside = document[words[place]] == document[moved]
    starts = starts.copy()
    starts[words[place[inside]]] = 1
    return starts
