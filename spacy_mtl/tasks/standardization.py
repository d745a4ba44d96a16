"""Numbers in standard deviations from their mean."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import MTLError

Columns = NDArray[np.float64]  # (n_docs, n_keys)


class Standardization:
    """The mean and the standard deviation of each key; 0 and 1 before `fit`.

    means, scales: (n_keys,).
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        self._reset()

    def fit(self, values: Columns, task: str) -> None:
        """Take those of these values, NaN for missing ones, of which each key has one at least.

        Where all are the same the scale is 1, with a warning: there is nothing to learn.
        task: for messages.
        RAISES (MTLError): If they are too large for a standard deviation.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            means, scales = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        same = np.nanmin(values, axis=0) == np.nanmax(values, axis=0)
        for key, value in zip(np.asarray(self.keys)[same], means[same], strict=True):
            warnings.warn(
                f"All examples with a value of '{key}' have {value:g}: the task '{task}' has "
                "nothing to learn there. Check the training corpus.",
                stacklevel=2,
            )
        scales = np.where(same, 1.0, scales)
        if not (np.isfinite(means) & np.isfinite(scales) & (scales > 0)).all():
            raise MTLError(
                f"Expected values of {', '.join(self.keys)} for the task '{task}' that have a mean "
                f"and a standard deviation, got up to {np.nanmax(np.abs(values)):g}. Correct them, "
                "or take another unit."
            )
        self.set(means, scales)

    def set(self, means: NDArray[np.float64], scales: NDArray[np.float64]) -> None:
        """Take these, (n_keys,) each."""
        self.means, self.scales, self._is_fitted = means, scales, True

    def standardized(self, values: Columns) -> Columns:
        """In standard deviations from the mean."""
        return (values - self.means) / self.scales

    def restored(self, values: ArrayLike) -> Columns:
        """In their own unit again."""
        return np.asarray(values, dtype="float64") * self.scales + self.means

    def state(self) -> dict[str, Any]:
        """Means and scales by key, as JSON has them; nothing before `fit`."""
        if not self._is_fitted:
            return {}
        columns = {"means": self.means, "scales": self.scales}
        return {
            name: dict(zip(self.keys, column.tolist(), strict=True))
            for name, column in columns.items()
        }

    def load_state(self, state: Mapping[str, Any], task: str) -> None:
        """Set what `state` gave.

        RAISES (MTLError): For anything else, as of other keys.
        """
        if not state:
            self._reset()
            return
        means: Any = state.get("means")
        scales: Any = state.get("scales")
        fit = self._are_numbers(means) and self._are_numbers(scales)
        if set(state) != {"means", "scales"} or not fit or min(scales.values()) <= 0:
            raise MTLError(
                f"Expected in the saved state of the task '{task}' mean and scale of its keys "
                f"({', '.join(self.keys)}), scales above 0, got {str(dict(state))[:80]}. Load it "
                "with the config that it was saved with, or copy or save the pipeline again."
            )
        self.set(*(np.asarray([*each.values()], dtype="float64") for each in (means, scales)))

    def _reset(self) -> None:
        self.means, self.scales = np.zeros(len(self.keys)), np.ones(len(self.keys))
        self._is_fitted = False

    def _are_numbers(self, saved: Any) -> bool:
        """Whether these are finite numbers of just the keys."""
        if not isinstance(saved, dict) or tuple(saved) != self.keys:
            return False
        return all(isinstance(each, int | float) and isfinite(each) for each in saved.values())
