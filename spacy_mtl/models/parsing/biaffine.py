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
    """The scores of the arcs of sentences of one length: from each two words at first, and then
    with what each of them is likely to stand beside in the tree.

    A word that looks for its head is added what its likely dependents say, and a possible head what
    its own likely head and its likely dependents say. That is a step of mean-field inference with
    factors of two arcs (Wang and Tu 2020, https://aclanthology.org/2020.aacl-main.12).

    scores: (n_words, columns) of words, see `COLUMNS`. places: (n, length) those of each sentence.
    S: (n, length, length) of each word, by row, with each head; on the diagonal of the word as the
        root. first: likewise, of two words alone.
    """

    def __init__(self, xp: Any, scores: Array, places: Rows) -> None:
        self._xp = xp
        self._places = xp.asarray(places)
        length = places.shape[1]
        self._turn = _rotation(xp, length)
        self._diagonal = xp.arange(length)
        own = scores[self._places]
        D, H, *self._messages = (own[..., i * RANK : (i + 1) * RANK] for i in range(len(PARTS)))
        child, grandparent, sibling = self._messages
        self.first, self._first = self._product(D, H, own[..., -2])
        self._P = _softmax(xp, self.first)
        self._to_head = self._P.copy()
        self._to_head[:, self._diagonal, self._diagonal] = 0
        to_dependent = self._to_head.swapaxes(1, 2)
        D = D + to_dependent @ child
        H = H + self._to_head @ grandparent + to_dependent @ sibling
        self.S, self._last = self._product(D, H, own[..., -1])

    def backprop(self, dS: Array, d_first: Array, d_scores: Array) -> None:
        """Set the gradient of the words' scores from those of S and first, which change."""
        child, grandparent, sibling = self._messages
        to_dependent = self._to_head.swapaxes(1, 2)
        dD, dH, d_last = self._backprop_product(dS, self._last)
        d_messages = [self._to_head @ dD, to_dependent @ dH, self._to_head @ dH]
        dP = child @ dD.swapaxes(1, 2) + sibling @ dH.swapaxes(1, 2)
        dP += dH @ grandparent.swapaxes(1, 2)
        dP[:, self._diagonal, self._diagonal] = 0
        d_first += self._P * (dP - (self._P * dP).sum(axis=2, keepdims=True))
        of_first = self._backprop_product(d_first, self._first)
        dD += of_first[0]
        dH += of_first[1]
        roots = [of_first[2][..., None], d_last[..., None]]
        d_scores[self._places] = self._xp.concatenate([dD, dH, *d_messages, *roots], axis=2)

    def _product(self, D: Array, H: Array, root: Array) -> tuple[Array, tuple[Array, Array]]:
        """Scores of arcs and roots; and both sides, as rotated."""
        D, H = (_rotated(self._xp, side, *self._turn) for side in (D, H))
        S = D @ H.swapaxes(1, 2)
        S *= RANK**-0.5
        S[:, self._diagonal, self._diagonal] = root
        return S, (D, H)

    def _backprop_product(
        self, dS: Array, sides: tuple[Array, Array]
    ) -> tuple[Array, Array, Array]:
        """The gradients of both sides and the roots."""
        d_root = dS[:, self._diagonal, self._diagonal]
        dS[:, self._diagonal, self._diagonal] = 0
        dS *= RANK**-0.5
        cos, sin = self._turn
        d_sides = (dS @ sides[1], dS.swapaxes(1, 2) @ sides[0])
        dD, dH = (_rotated(self._xp, side, cos, -sin) for side in d_sides)
        return dD, dH, d_root


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
