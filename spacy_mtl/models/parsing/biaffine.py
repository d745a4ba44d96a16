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
_SIDES = 2 * RANK  # the columns of the first two parts; those of the others come after them
_MESSAGES = tuple(slice(i * RANK, (i + 1) * RANK) for i in range(2, len(PARTS)))


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
        self._turn = xp.asarray(_turns(places.shape[1]))
        own = scores[self._places]
        sides, roots = own[..., :_SIDES], own[..., -2:]
        child, grandparent, sibling = (own[..., part] for part in _MESSAGES)
        self._messages = child, grandparent, sibling
        self.first, self._first = self._product(sides, roots[..., 0])
        self._P = _softmax(xp, self.first)
        self._to_head = self._P.copy()
        _diagonal(self._to_head)[...] = 0
        to_dependent = self._to_head.swapaxes(1, 2)
        sides = sides.copy()
        sides[..., :RANK] += to_dependent @ child
        sides[..., RANK:] += self._to_head @ grandparent
        sides[..., RANK:] += to_dependent @ sibling
        self.S, self._last = self._product(sides, roots[..., 1])

    def backprop(self, dS: Array, d_first: Array, d_scores: Array) -> None:
        """Set the gradient of the words' scores from those of S and first, which change."""
        child, grandparent, sibling = self._messages
        to_dependent = self._to_head.swapaxes(1, 2)
        d_sides, d_last = self._backprop_product(dS, self._last)
        dD, dH = d_sides[..., :RANK], d_sides[..., RANK:]
        d_messages = [self._to_head @ dD, to_dependent @ dH, self._to_head @ dH]
        dP = child @ dD.swapaxes(1, 2) + sibling @ dH.swapaxes(1, 2)
        dP += dH @ grandparent.swapaxes(1, 2)
        _diagonal(dP)[...] = 0
        d_first += self._P * (dP - (self._P * dP).sum(axis=2, keepdims=True))
        of_first, d_root = self._backprop_product(d_first, self._first)
        d_sides += of_first
        parts = [d_sides, *d_messages, d_root[..., None], d_last[..., None]]
        d_scores[self._places] = self._xp.concatenate(parts, axis=2)

    def _product(self, sides: Array, root: Array) -> tuple[Array, Array]:
        """Scores of arcs and roots; and both sides, as rotated."""
        sides = _rotated(self._xp, sides, self._turn)
        S = sides[..., :RANK] @ sides[..., RANK:].swapaxes(1, 2)
        S *= RANK**-0.5
        _diagonal(S)[...] = root
        return S, sides

    def _backprop_product(self, dS: Array, sides: Array) -> tuple[Array, Array]:
        """The gradients of both sides, of which `sides` are rotated, and the roots."""
        d_root = _diagonal(dS).copy()
        _diagonal(dS)[...] = 0
        dS *= RANK**-0.5
        d_sides = self._xp.empty_like(sides)
        d_sides[..., :RANK] = dS @ sides[..., RANK:]
        d_sides[..., RANK:] = dS.swapaxes(1, 2) @ sides[..., :RANK]
        return _rotated_back(self._xp, d_sides, self._turn), d_root


def _diagonal(S: Array) -> Array:
    """(n, length) a view of the diagonals of (n, length, length)."""
    return S.reshape(len(S), -1)[:, :: S.shape[2] + 1]


def _softmax(xp: Any, S: Array) -> Array:
    P = S - S.max(axis=2, keepdims=True)
    xp.exp(P, out=P)
    P /= P.sum(axis=2, keepdims=True)
    return P


@lru_cache(maxsize=256)
def _turns(length: int) -> NDArray[np.complex64]:
    """(length, RANK) by what the word at each place is rotated, on one side and on the other."""
    speeds = _BASE ** (-np.arange(RANK // 2) / (RANK // 2))
    turns = np.exp(1j * np.arange(length)[:, None] * speeds)
    return np.tile(turns, (1, 2)).astype("complex64")


def _rotated(xp: Any, sides: Array, turn: Array) -> Array:
    """Both sides, (n, length, 2 * RANK), with the two numbers that are a point, one from each half
    of a side, next to each other."""
    halves = sides.reshape(*sides.shape[:2], 2, 2, RANK // 2)
    points = xp.empty((*sides.shape[:2], 2, RANK // 2), xp.result_type(sides.dtype, "complex64"))
    points.real, points.imag = halves[..., 0, :], halves[..., 1, :]
    points = points.reshape(*sides.shape[:2], RANK)
    points *= turn
    return points.view(sides.dtype)


def _rotated_back(xp: Any, sides: Array, turn: Array) -> Array:
    """From what `_rotated` gives to the halves of the sides."""
    points = sides.view(xp.result_type(sides.dtype, "complex64")) * turn.conj()
    points = points.reshape(*sides.shape[:2], 2, RANK // 2)
    return xp.stack([points.real, points.imag], axis=3).reshape(sides.shape)
