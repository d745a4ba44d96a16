"""Errors of predicted numbers, of which lower is better."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import MTLError
from .base import Array, Summed, add_up


@dataclass(frozen=True)
class Errors(Summed):
    """The mean error over the units, in their own unit of measurement; NaN if there are none.

    array: (n_docs, 2) the sum of the units' errors, and how many units there are.
    metric: what that is called; say in it what is measured ("mean absolute error in tokens").
    root: whether the score is the square root of the mean.
    """

    array: NDArray[np.float64]
    metric: str
    root: bool = False
    higher_is_better: ClassVar[bool] = False
    is_share: ClassVar[bool] = False

    @classmethod
    def absolute(
        cls,
        document: ArrayLike,
        gold: ArrayLike,
        guess: ArrayLike,
        n_docs: int,
        metric: str = "mean absolute error",
    ) -> Errors:
        """The mean absolute error. document, gold, guess: (n_units,) of the units that are scored:
        the number of its document, what is right, and what was predicted."""
        return cls(_sums(document, np.abs(_distances(gold, guess)), n_docs), metric)

    @classmethod
    def squared(
        cls,
        document: ArrayLike,
        gold: ArrayLike,
        guess: ArrayLike,
        n_docs: int,
        metric: str = "",
        root: bool = False,
    ) -> Errors:
        """The mean squared error, or with `root` the square root of it; see `absolute`."""
        metric = metric or f"{'root ' if root else ''}mean squared error"
        return cls(_sums(document, _distances(gold, guess) ** 2, n_docs), metric, root)

    def of_sums(self, sums: NDArray[Any]) -> Array:
        """See `Summed`."""
        n = sums[:, 1]
        means: Array = np.where(n > 0, sums[:, 0] / np.maximum(n, 1), np.nan)
        return np.sqrt(means) if self.root else means


def from_error(error: float) -> float:
    """1 / (1 + error): the main score, from 0 to 1, of a task that has only an error.

    The smaller the error, the higher the score, which spaCy's loop maximises; 0 for an error that
    is infinite or NaN, as of a training that has diverged.
    RAISES (MTLError): If the error is below 0.
    """
    if error < 0:
        raise MTLError(f"Expected an error of 0 or more to make a score of, got {error}.")
    return 0.0 if math.isnan(error) else 1 / (1 + float(error))


def _distances(gold: ArrayLike, guess: ArrayLike) -> Array:
    distances: Array = np.asarray(guess, dtype="float64") - np.asarray(gold, dtype="float64")
    return distances


def _sums(document: ArrayLike, errors: Array, n_docs: int) -> Array:
    amounts = np.stack([errors, np.ones_like(errors)], axis=1)
    return add_up(np.asarray(document), amounts, n_docs)
