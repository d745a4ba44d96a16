"""Columns of a matrix of scores in groups, of each of which one column applies to each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import get_array_module
from thinc.types import ArrayXd, Floats2d, Ints2d

from .losses import softmax, softmax_cross_entropy


class ColumnGroups:
    """Groups of columns that stand beside each other.

    sizes: the number of columns of each group, at least 1. starts: (n_groups,) their first columns.

    All computes on arrays of (rows, groups, places), in which all groups have as many places as the
    largest has columns.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        ends = np.cumsum([0, *sizes], dtype="int64")
        self.starts: NDArray[np.int64] = ends[:-1]
        self.n_columns = int(ends[-1])
        there = np.arange(max(self.sizes, default=0)) < np.asarray(self.sizes).reshape(-1, 1)
        columns = np.full(there.shape, self.n_columns, dtype="int64")  # a column too many
        columns[there] = np.arange(self.n_columns)
        self._shape = there.shape
        self._columns = columns.ravel()
        self._places = np.flatnonzero(there)

    def split(self, cells: Any, fill: float | bool) -> Any:
        """(rows, columns) to (rows, groups, places); `fill` stands where there is no column."""
        xp: Any = get_array_module(cells)
        padded = xp.full((len(cells), self.n_columns + 1), fill, dtype=cells.dtype)
        padded[:, :-1] = cells
        parts = xp.take(padded, xp.asarray(self._columns), axis=1)
        return parts.reshape(len(cells), *self._shape)

    def join(self, parts: Any) -> Any:
        """(rows, groups, places) to (rows, columns)."""
        xp: Any = get_array_module(parts)
        flat = parts.reshape(len(parts), len(self._columns))
        return xp.take(flat, xp.asarray(self._places), axis=1)

    def best(self, scores: Floats2d) -> Any:
        """(rows, groups) the place of the highest score in each group."""
        return self.split(scores, -np.inf).argmax(axis=2) if self.sizes else scores[:, :0]

    def probabilities(self, scores: Floats2d) -> Floats2d:
        """(rows, columns) those of each group add up to 1."""
        parts = self.split(scores, -np.inf)
        P: Any = softmax(parts.reshape(self._of_rows(parts)))
        joined: Floats2d = self.join(P.reshape(parts.shape))
        return joined

    def cross_entropy(
        self,
        scores: Floats2d,
        classes: Ints2d,
        mask: ArrayXd,
        smoothing: float = 0.0,
        known: ArrayXd | None = None,
    ) -> tuple[float, Floats2d]:
        """`softmax_cross_entropy` of each group, summed, and its gradient, (rows, columns).

        classes, mask: (rows, groups) the place of what is right, and whether that is known.
        known: (rows, columns) bool, as for `softmax_cross_entropy`.
        """
        xp: Any = get_array_module(scores)
        parts = self.split(scores, 0.0)
        places: Any = classes
        there = xp.ones(scores.shape, dtype=bool) if known is None else known
        shape = self._of_rows(parts)
        loss, d_parts = softmax_cross_entropy(
            parts.reshape(shape),
            places.reshape(-1),
            mask.ravel(),
            smoothing,
            self.split(there, False).reshape(shape),
        )
        return loss, self.join(d_parts.reshape(parts.shape))

    def _of_rows(self, parts: Any) -> tuple[int, int]:
        """The shape of the same with a row for each row and group."""
        return len(parts) * self._shape[0], self._shape[1]
