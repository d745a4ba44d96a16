"""What was measured over a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .lookahead import Matrix, Measurement

VERSION = 1  # of the document
FEWEST, ERRORS = 10, 3  # measurements, and standard errors, of an effect that stands out


class Means:
    """Means of measurements, in which cells may be missing; all (n_tasks, n_tasks).

    count: the measurements of the affinity, same_batch: those within one batch.
    """

    def __init__(self, n_tasks: int) -> None:
        shape = (n_tasks, n_tasks)
        self.count = np.zeros(shape, dtype="int64")
        self.same_batch = np.zeros(shape, dtype="int64")
        self._sum, self._squares = np.zeros(shape), np.zeros(shape)
        self._cosine_sum, self._cosine_count = np.zeros(shape), np.zeros(shape)

    def add(self, found: Measurement) -> None:
        """Count a measurement."""
        seen = ~np.isnan(found.affinity)
        self.count += seen
        self.same_batch += seen & found.same_batch
        values = np.where(seen, found.affinity, 0.0)
        self._sum += values
        self._squares += values**2
        self._cosine_count += ~np.isnan(found.cosines)
        self._cosine_sum += np.nan_to_num(found.cosines)

    @property
    def affinity(self) -> Matrix:
        """The mean Z[i, j], NaN where none was measured."""
        return _divided(self._sum, self.count)

    @property
    def error(self) -> Matrix:
        """The standard error of `affinity`, as if measurements were independent; NaN below two."""
        variance = _divided(self._squares, self.count) - self.affinity**2
        return np.sqrt(_divided(np.maximum(variance, 0.0), self.count - 1))

    @property
    def cosines(self) -> Matrix:
        """The mean cosine, NaN where none was measured."""
        return _divided(self._cosine_sum, self._cosine_count)


@dataclass(frozen=True)
class Period:
    """The measurements between two evaluations. step: of the one at its end."""

    step: int
    means: Means


@dataclass(frozen=True)
class Affinity:
    """The measurements of a training.

    tasks: the rows and columns of all matrices. steps: of the training. every: steps between
    measurements. means: over all. periods: those of them between evaluations.
    """

    tasks: list[str]
    steps: int
    every: int
    means: Means
    periods: list[Period]

    def document(self) -> dict[str, Any]:
        """As JSON, null for NaN."""
        return {
            "version": VERSION,
            "tasks": self.tasks,
            "steps": self.steps,
            "every": self.every,
            "cosines": _rows(self.means.cosines),
            "affinity": _rows(self.means.affinity),
            "affinity_error": _rows(self.means.error),
            "counts": self.means.count.tolist(),
            "same_batch": self.means.same_batch.tolist(),
            "trajectory": [
                {
                    "step": period.step,
                    "cosines": _rows(period.means.cosines),
                    "affinity": _rows(period.means.affinity),
                }
                for period in self.periods
            ],
        }

    def effects(self) -> list[tuple[str, str, float]]:
        """Pairs (i, j) of different tasks whose affinity is clearly not zero, that is by ERRORS
        standard errors of FEWEST measurements or more, with it: from what helps most to what
        hurts most. Not a test: measurements at steps that follow each other are alike."""
        mean, error = self.means.affinity, self.means.error
        measured = self.means.count >= FEWEST
        n = len(self.tasks)
        clear = [
            (self.tasks[i], self.tasks[j], float(mean[i, j]))
            for i in range(n)
            for j in range(n)
            if i != j and measured[i, j] and abs(mean[i, j]) > ERRORS * error[i, j]
        ]
        return sorted(clear, key=lambda effect: -effect[2])


def _divided(total: Matrix, count: Any) -> Matrix:
    """NaN where nothing was counted."""
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=np.asarray(count) > 0)


def _rows(matrix: Matrix) -> Sequence[Sequence[float | None]]:
    return [[None if np.isnan(cell) else float(cell) for cell in row] for row in matrix]
