"""Where sentences begin, from one score for each token."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import to_numpy
from thinc.types import Floats1d, Floats2d

from ..models.packed import Packed, row_starts
from .losses import binary_cross_entropy
from .whitespace import starts_at_words

_STARTS, _GOES_ON = 1, 2**64 - 1  # as SENT_START
_ATTRS = ("SENT_START", "IS_SPACE", "DEP")  # read at once


def boundary_loss(scores: Floats2d, starts: Any, mask: Any) -> tuple[float, Floats2d]:
    """The summed binary cross-entropy of the tokens in `mask` in nats, and its gradient.

    scores: (n_tokens, 1), above 0 where a sentence is likelier to begin than not. starts, mask:
        (n_tokens,) bool.
    """
    truths, cells = (each[:, None] for each in (starts, mask))
    return binary_cross_entropy(scores, truths.astype("float32"), cells)


def is_open(first: NDArray[np.bool_], is_space: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tokens of which it is not clear from the start: a sentence begins at the first one of each
    document, and at no whitespace."""
    return ~(first | is_space)


def decode_starts(
    scores: Floats1d, packed: Packed, keep: NDArray[np.bool_] | bool
) -> NDArray[np.bool_]:
    """(n_tokens,) where sentences begin. keep: whether what is on the documents stays, or
    (n_tokens,) on which tokens; whitespace begins no sentence in any case, and one that is set to
    begin there begins at the word after it."""
    first = first_tokens(packed.lengths)
    preset = _preset(packed, keep)
    starts: NDArray[np.bool_] = to_numpy(scores) > 0
    starts = (starts | (preset == _STARTS)) & (preset != _GOES_ON)
    return (starts & is_open(first, whitespace(packed))) | first


def preset_starts(packed: Packed, keep: NDArray[np.bool_] | bool) -> NDArray[np.bool_]:
    """(n_tokens,) at which words a sentence was set to begin. keep: see `decode_starts`."""
    starts: NDArray[np.bool_] = (_preset(packed, keep) == _STARTS) & ~whitespace(packed)
    return starts


def _preset(packed: Packed, keep: NDArray[np.bool_] | bool) -> NDArray[np.uint64]:
    preset: NDArray[np.uint64] = np.where(keep, packed.attributes(*_ATTRS)[:, 0], 0)
    return starts_at_words(preset, whitespace(packed), first_tokens(packed.lengths))


def whitespace(packed: Packed) -> NDArray[np.bool_]:
    """(n_tokens,) whether each is whitespace."""
    is_space: NDArray[np.bool_] = packed.attributes(*_ATTRS)[:, 1] != 0
    return is_space


def parsed(packed: Packed) -> NDArray[np.bool_]:
    """(n_docs,) whether a document has relations."""
    has_relation = np.concatenate([[0], np.cumsum(packed.attributes(*_ATTRS)[:, 2] != 0)])
    ends = np.cumsum(packed.lengths)
    found: NDArray[np.bool_] = has_relation[ends] > has_relation[ends - packed.lengths]
    return found


def first_tokens(lengths: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(n_tokens,) whether each is the first one of its document."""
    first = np.zeros(int(lengths.sum()), dtype=bool)
    first[row_starts(lengths)[lengths > 0]] = True
    return first
