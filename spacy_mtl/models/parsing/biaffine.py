"""Arcs between all words of a sentence, each with a score: biaffine attention.

Dozat and Manning 2017 (https://openreview.net/forum?id=Hk95PK9le). Of each word there is a vector
as a dependent and one as a head, and the score of an arc is their product. How far words are apart
counts by the rotation of both by their places (Su et al. 2021, https://arxiv.org/abs/2104.09864):
without it, an encoder that sees a few words only was measured to lose seven points of attachment.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sentences import Rows

Array = Any  # of numpy or cupy
RANK = 64  # of the product
_BASE = 100.0  # the slowest rotation turns by 1 / _BASE a word, about


COLUMNS = tuple(f"{part}-{i}" for part in ("dependent", "head") for i in range(RANK)) + ("root",)


class Arcs:
    """The scores of the arcs of sentences of one length.

    scores: (n_words, columns) of words, see `COLUMNS`. places: (n, length) those of each sentence.
    S: (n, length, length) of each word, by row, with each head; on the diagonal of the word as the
        root.
    """

    def __init__(self, xp: Any, scores: Array, places: Rows) -> None:
        self._xp = xp
        self._places = xp.asarray(places)
        own = scores[self._places]
        length = places.shape[1]
        self._turn = _rotation(xp, length)
        sides = (own[..., :RANK], own[..., RANK : 2 * RANK])
        self._dependents, self._heads = (_rotated(xp, side, *self._turn) for side in sides)
        self.S = self._dependents @ self._heads.swapaxes(1, 2)
        self.S *= RANK**-0.5
        self._diagonal = xp.arange(length)
        self.S[:, self._diagonal, self._diagonal] = own[..., -1]

    def backprop(self, dS: Array, d_scores: Array) -> None:
        """Set the gradient of the words' scores from that of S, which is overwritten."""
        d_root = dS[:, self._diagonal, self._diagonal]
        dS[:, self._diagonal, self._diagonal] = 0
        dS *= RANK**-0.5
        cos, sin = self._turn
        d_sides = (dS @ self._heads, dS.swapaxes(1, 2) @ self._dependents)
        parts = [_rotated(self._xp, side, cos, -sin) for side in d_sides]
        d_scores[self._places] = self._xp.concatenate([*parts, d_root[..., None]], axis=2)


def _rotation(xp: Any, length: int) -> tuple[Array, Array]:
    """(length, RANK / 2) cosines and sines by which the word at each place is rotated."""
    return tuple(map(xp.asarray, _angles(length)))


@lru_cache(maxsize=256)
def _angles(length: int) -> tuple[NDArray, NDArray]:
    speeds = _BASE ** (-np.arange(RANK // 2) / (RANK // 2))
    angles = np.arange(length)[:, None] * speeds
    return np.cos(angles).astype("float32"), np.sin(angles).astype("float32")


def _rotated(xp: Any, X: Array, cos: Array, sin: Array) -> Array:
    a, b = X[..., : RANK // 2], X[..., RANK // 2 :]
    return xp.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)
