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
PARTS = ("dependent", "head", "child", "grandparent", "sibling")
_ROOTS = ("root", "last-root")
_BASE = 100.0  # the slowest rotation turns by 1 / _BASE a word, about


def column_names(rank: int) -> tuple[str, ...]:
    """The columns of words: of each part as many as the rank of the product, which is even."""
    return (*(f"{part}-{i}" for part in PARTS for i in range(rank)), *_ROOTS)


class Arcs:
    """The scores of the arcs of sentences of one length: from each two words at first, and then
    with what each of them is likely to stand beside in the tree.

    A word that looks for its head is added what its likely dependents say, and a possible head what
    its own likely head and its likely dependents say. That is a step of mean-field inference with
    factors of two arcs (Wang and Tu 2020, https://aclanthology.org/2020.aacl-main.12).

    scores: (n_words, columns) of words, see `column_names`. places: (n, length) those of each
        sentence.
    S: (n, length, length) of each word, by row, with each head; on the diagonal of the word as the
        root. first: likewise, of two words alone.
    """

    def __init__(self, xp: Any, scores: Array, places: Rows) -> None:
        self._xp = xp
        self._places = xp.asarray(places)
        self._rank = rank = (scores.shape[1] - len(_ROOTS)) // len(PARTS)
        self._turn = xp.asarray(_turns(places.shape[1], rank))
        own = scores[self._places]
        sides, roots = own[..., : 2 * rank], own[..., -2:]
        child, grandparent, sibling = (
            own[..., part * rank : (part + 1) * rank] for part in range(2, len(PARTS))
        )
        self._messages = child, grandparent, sibling
        self.first, self._first = self._product(sides, roots[..., 0])
        self._P = _softmax(xp, self.first)
        self._to_head = self._P.copy()
        _diagonal(self._to_head)[...] = 0
        to_dependent = self._to_head.swapaxes(1, 2)
        sides = sides.copy()
        sides[..., :rank] += to_dependent @ child
        sides[..., rank:] += self._to_head @ grandparent
        sides[..., rank:] += to_dependent @ sibling
        self.S, self._last = self._product(sides, roots[..., 1])

    def backprop(self, dS: Array, d_first: Array, d_scores: Array) -> None:
        """Set the gradient of the words' scores from those of S and first, which change."""
        child, grandparent, sibling = self._messages
        to_dependent = self._to_head.swapaxes(1, 2)
        d_sides, d_last = self._backprop_product(dS, self._last)
        dD, dH = d_sides[..., : self._rank], d_sides[..., self._rank :]
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
        S = sides[..., : self._rank] @ sides[..., self._rank :].swapaxes(1, 2)
        S *= self._rank**-0.5
        _diagonal(S)[...] = root
        return S, sides

    def _backprop_product(self, dS: Array, sides: Array) -> tuple[Array, Array]:
        """The gradients of both sides, of which `sides` are rotated, and the roots."""
        d_root = _diagonal(dS).copy()
        _diagonal(dS)[...] = 0
        dS *= self._rank**-0.5
        d_sides = self._xp.empty_like(sides)
        d_sides[..., : self._rank] = dS @ sides[..., self._rank :]
        d_sides[..., self._rank :] = dS.swapaxes(1, 2) @ sides[..., : self._rank]
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
def _turns(length: int, rank: int) -> NDArray[np.complex64]:
    """(length, rank) by what the word at each place is rotated, on one side and on the other."""
    speeds = _BASE ** (-np.arange(rank // 2) / (rank // 2))
    turns = np.exp(1j * np.arange(length)[:, None] * speeds)
    return np.tile(turns, (1, 2)).astype("complex64")


def _rotated(xp: Any, sides: Array, turn: Array) -> Array:
    """Both sides, (n, length, 2 * rank), with the two numbers that are a point, one from each half
    of a side, next to each other."""
    shape = sides.shape[:2]
    halves = sides.reshape(*shape, 2, 2, -1)
    points = xp.empty(halves[..., 0, :].shape, xp.result_type(sides.dtype, "complex64"))
    points.real, points.imag = halves[..., 0, :], halves[..., 1, :]
    points = points.reshape(*shape, turn.shape[1])
    points *= turn
    return points.view(sides.dtype)


def _rotated_back(xp: Any, sides: Array, turn: Array) -> Array:
    """From what `_rotated` gives to the halves of the sides."""
    points = sides.view(xp.result_type(sides.dtype, "complex64")) * turn.conj()
    points = points.reshape(*sides.shape[:2], 2, turn.shape[1] // 2)
    return xp.stack([points.real, points.imag], axis=3).reshape(sides.shape)
