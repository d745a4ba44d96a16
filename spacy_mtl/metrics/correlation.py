"""Spearman's rank correlation of samples of documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .base import Array, check_same

_AT_ONCE = 1_000_000  # weights of units, which bounds the memory to a few times 8 MB


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rho between what is right and what was predicted, from -1 to 1.

    It is no function of sums over the documents: each sample is ranked anew. Ties have the mean
    of their ranks, and a unit that is drawn again is one more with the same value. Where one
    side has a single value, so that nothing is ranked, rho is not defined and is given as 0:
    nothing was shown of an order. NaN in the values makes it NaN.

    document, gold, guess: (n_units,) of the units that are scored: the number of its document,
        what is right, and what was predicted.
    Source: Spearman 1904, https://doi.org/10.2307/1412159
    """

    document: NDArray[np.int64]
    gold: Array
    guess: Array
    n_docs: int
    metric: str = "Spearman's rho"
    higher_is_better: ClassVar[bool] = True
    is_share: ClassVar[bool] = False

    @classmethod
    def of_units(
        cls,
        document: ArrayLike,
        gold: ArrayLike,
        guess: ArrayLike,
        n_docs: int,
        metric: str = "Spearman's rho",
    ) -> RankCorrelation:
        """From any arrays or lists; see the class."""
        golds, guesses = (np.asarray(side, dtype="float64") for side in (gold, guess))
        return cls(np.asarray(document, dtype="int64"), golds, guesses, n_docs, metric)

    def __len__(self) -> int:
        return self.n_docs

    @overload
    def score(self, rows: None = None) -> float: ...

    @overload
    def score(self, rows: Array) -> Array: ...

    def score(self, rows: Array | None = None) -> float | Array:
        """See `Statistics`."""
        if rows is None:
            return float(self.score(np.ones((1, self.n_docs)))[0])
        if not (np.isfinite(self.gold).all() and np.isfinite(self.guess).all()):
            return np.full(len(rows), np.nan)
        sides = _Ranked.of(self.gold), _Ranked.of(self.guess)
        parts = [_correlations(part[:, self.document], *sides) for part in self._parts(rows)]
        return np.concatenate([np.zeros(0), *parts])

    @classmethod
    def concatenated(cls, parts: Sequence[RankCorrelation]) -> RankCorrelation:
        """See `Statistics`."""
        check_same(parts, ["metric"])
        before = np.cumsum([0, *(len(part) for part in parts)])
        return cls(
            np.concatenate([p.document + n for p, n in zip(parts, before[:-1], strict=True)]),
            np.concatenate([part.gold for part in parts]),
            np.concatenate([part.guess for part in parts]),
            int(before[-1]),
            parts[0].metric,
        )

    def _parts(self, rows: Array) -> Iterator[Array]:
        size = max(1, _AT_ONCE // max(len(self.document), 1))
        for begin in range(0, len(rows), size):
            yield rows[begin : begin + size]


@dataclass(frozen=True)
class _Ranked:
    """The units of one side in the order of their values.

    order: (n_units,) their numbers. starts: where in it each value begins. group: (n_units,) the
    number of each unit's value.
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    group: NDArray[np.int64]

    @classmethod
    def of(cls, values: Array) -> _Ranked:
        _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
        return cls(np.argsort(group, kind="stable"), np.cumsum(sizes) - sizes, group)

    def deviations(self, weights: Array) -> Array:
        """(n_samples, n_units) how far from the middle each unit's rank is, if the units occur so
        often; of one that does not, it means nothing."""
        if not len(self.order):
            return np.zeros_like(weights)
        drawn = np.add.reduceat(weights[:, self.order], self.starts, axis=1)
        ends = np.cumsum(drawn, axis=1)
        middles = ends - (drawn - 1) / 2 - (ends[:, -1:] + 1) / 2
        found: Array = middles[:, self.group]
        return found


def _correlations(weights: Array, gold: _Ranked, guess: _Ranked) -> Array:
    """(n_samples,) Pearson's correlation of the ranks, with each unit counted so often."""
    x, y = gold.deviations(weights), guess.deviations(weights)
    covariance, of_x, of_y = (
        np.einsum("ij,ij,ij->i", weights, a, b) for a, b in ((x, y), (x, x), (y, y))
    )
    scale: Any = np.sqrt(of_x * of_y)
    found: Array = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
    return np.clip(found, -1, 1)
