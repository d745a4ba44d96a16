"""A warning of classes that no document is known not to have."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

_ENOUGH = 20  # values that all say yes before it is said of the training documents


class PositivesWarning:
    """Says once that a multi-label task learns, or is scored by, classes that apply and no others.

    Then every class gets a score near 1, and nothing tells that this is wrong.
    """

    def __init__(self) -> None:
        self._n_positive = 0
        self._n_negative = 0
        self._given = False

    def learn(self, values: NDArray[np.float32]) -> None:
        """Count the known values of classes that are trained on, (n,) from 0 to 1."""
        positive = int((values >= 0.5).sum())
        self._n_positive += positive
        self._n_negative += len(values) - positive

    def check(self, task: str, gold: Iterable[Mapping[str, float]]) -> None:
        """Warn if the classes of evaluated documents, or those learned so far, are all 1."""
        values = [value for cats in gold for value in cats.values()]
        if self._given or not values:
            return
        if min(values) >= 0.5:
            where = "evaluated"
        elif self._n_positive >= _ENOUGH and not self._n_negative:
            where = "training"
        else:
            return
        self._given = True
        warnings.warn(
            f"No class of the task '{task}' is 0.0 in the {where} documents: nothing says of any "
            "class that it does not apply, so that a score of 1 for every class is never wrong. "
            "If the classes that a document does not name do not apply to it, set "
            f"`others_negative = true` in the block of '{task}', or convert with "
            "--others-negative. Otherwise write 0.0 for those that are known not to apply.",
            stacklevel=2,
        )
