"""Columns of a matrix of scores in groups, of each of which one column applies to each row."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import get_array_module
from thinc.types import ArrayXd, Floats2d

from .losses import softmax, softmax_cross_entropy


class ColumnGroups:
    """Groups of columns that stand beside each other.

    sizes: the number of columns of each group, at least 1. starts: (n_groups,) their first columns.

    All computes on arrays of (rows, groups, places), in which the groups have as many places as the
    largest has columns; those that are no column count as impossible.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        ends = np.cumsum([0, *sizes], dtype="int64")
        self.starts: NDArray[np.int64] = ends[:-1]
        self.n_columns = int(ends[-1])

    @cached_property
    def _there(self) -> NDArray[np.bool_]:
        """(n_groups, n_places) whether a place is a column."""
        return np.arange(max(self.sizes, default=0)) < np.asarray(self.sizes).reshape(-1, 1)

    @cached_property
    def _columns(self) -> NDArray[np.int64]:
        """(n_groups * n_places,) the column at each place, any where there is none."""
        columns = np.zeros(self._there.shape, dtype="int64")
        columns[self._there] = np.arange(self.n_columns)
        return columns.ravel()

    def split(self, cells: Any) -> Any:
        """(rows, columns) to (rows, groups, places); at places without a column stands anything."""
        xp: Any = get_array_module(cells)
        return cells[:, xp.asarray(self._columns)].reshape(len(cells), *self._there.shape)

    def join(self, cells: Any) -> Any:
        """(rows, groups, places) to (rows, columns)."""
        xp: Any = get_array_module(cells)
        places = xp.asarray(np.flatnonzero(self._there))
        return cells.reshape(len(cells), self._there.size)[:, places]

    def best(self, scores: Floats2d) -> Any:
        """(rows, groups) the place of the highest score in each group."""
        return self._possible(scores).argmax(axis=2) if self.sizes else scores[:, :0]

    def probabilities(self, scores: Floats2d) -> Floats2d:
        """(rows, columns) those of each group add up to 1."""
        parts = self._possible(scores)
        P: Any = softmax(parts.reshape(self._n_rows(parts), parts.shape[2]))
        joined: Floats2d = self.join(P.reshape(parts.shape))
        return joined

    def cross_entropy(
        self,
        scores: Floats2d,
        classes: ArrayXd,
        mask: ArrayXd,
        smoothing: float = 0.0,
        known: ArrayXd | None = None,
    ) -> tuple[float, Floats2d]:
        """`softmax_cross_entropy` of each group, summed, and its gradient, (rows, columns).

        classes, mask: (rows, groups) the place of what is right, and whether that is known.
        known: (rows, columns) bool, as for `softmax_cross_entropy`.
        """
        xp: Any = get_array_module(scores)
        parts = self.split(scores)
        there = xp.broadcast_to(xp.asarray(self._there), parts.shape)
        if known is not None:
            there = there & self.split(known)
        shape = self._n_rows(parts), parts.shape[2]
        loss, d_parts = softmax_cross_entropy(
            parts.reshape(shape), classes.ravel(), mask.ravel(), smoothing, there.reshape(shape)
        )
        return loss, self.join(d_parts.reshape(parts.shape))

    def _n_rows(self, parts: Any) -> int:
        return int(parts.shape[0] * parts.shape[1])

    def _possible(self, scores: Floats2d) -> Any:
        xp: Any = get_array_module(scores)
        return xp.where(xp.asarray(self._there), self.split(scores), -xp.inf)
