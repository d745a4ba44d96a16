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


PARTS = ("dependent", "head", "child", "grandparent", "sibling")
COLUMNS = tuple(f"{part}-{i}" for part in PARTS for i in range(RANK)) + ("root", "last-root")


class Arcs:
    """The scores of the arcs of sentences of one length, from what their words say at first and,
    by that, from the words that these are likely to be beside in the tree.

    A word that looks for its head is added what its likely dependents say of themselves, and a
    possible head what its own likely head and its likely dependents say: one step of mean-field
    inference with factors of two arcs (Wang and Tu 2020, https://aclanthology.org/2020.aacl-main.12).

    scores: (n_words, columns) of words, see `COLUMNS`. places: (n, length) those of each sentence.
    S: (n, length, length) of each word, by row, with each head; on the diagonal of the word as the
        root. first: likewise, before that step.
    """

    def __init__(self, xp: Any, scores: Array, places: Rows) -> None:
        self._xp = xp
        self._places = xp.asarray(places)
        own = scores[self._places]
        length = places.shape[1]
        self._turn = _rotation(xp, length)
        self._diagonal = xp.arange(length)
        D, H, self._child, self._grandparent, self._sibling = (
            own[..., i * RANK : (i + 1) * RANK] for i in range(len(PARTS))
        )
        self.first, self._first = self._product(D, H, own[..., -2])
        P = _softmax(xp, self.first)
        self._P = P
        M = P.copy()
        M[:, self._diagonal, self._diagonal] = 0
        self._M = M
        down = M.swapaxes(1, 2)
        D2 = D + down @ self._child
        H2 = H + M @ self._grandparent + down @ self._sibling
        self.S, self._second = self._product(D2, H2, own[..., -1])

    def _product(self, D: Array, H: Array, root: Array) -> tuple[Array, tuple[Array, Array]]:
        sides = tuple(_rotated(self._xp, side, *self._turn) for side in (D, H))
        S = sides[0] @ sides[1].swapaxes(1, 2)
        S *= RANK**-0.5
        S[:, self._diagonal, self._diagonal] = root
        return S, sides

    def _backprop_product(
        self, dS: Array, sides: tuple[Array, Array]
    ) -> tuple[Array, Array, Array]:
        d_root = dS[:, self._diagonal, self._diagonal]
        dS[:, self._diagonal, self._diagonal] = 0
        dS *= RANK**-0.5
        cos, sin = self._turn
        d_sides = (dS @ sides[1], dS.swapaxes(1, 2) @ sides[0])
        dD, dH = (_rotated(self._xp, side, cos, -sin) for side in d_sides)
        return dD, dH, d_root

    def backprop(self, dS: Array, d_first: Array, d_scores: Array) -> None:
        """Set the gradient of the words' scores from those of S and first, which are overwritten."""
        dD, dH, d_last = self._backprop_product(dS, self._second)
        M, down = self._M, self._M.swapaxes(1, 2)
        dM = self._child @ dD.swapaxes(1, 2)
        dM += dH @ self._grandparent.swapaxes(1, 2)
        dM += self._sibling @ dH.swapaxes(1, 2)
        dM[:, self._diagonal, self._diagonal] = 0
        d_parts = [M @ dD, down @ dH, M @ dH]
        d_first += self._P * (dM - (self._P * dM).sum(axis=2, keepdims=True))
        dD1, dH1, d_root = self._backprop_product(d_first, self._first)
        ends = [d_root[..., None], d_last[..., None]]
        d_scores[self._places] = self._xp.concatenate(
            [dD + dD1, dH + dH1, *d_parts, *ends], axis=2
        )


def _softmax(xp: Any, S: Array) -> Array:
    P = xp.exp(S - S.max(axis=2, keepdims=True))
    P /= P.sum(axis=2, keepdims=True)
    return P


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
