"""Whether confidences are what they say: of decisions with 0.8, are 80 % right?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import MTLError

ROUNDING = 1e-6  # by which sums and products of probabilities may leave 0 to 1


@dataclass(frozen=True)
class Reliability:
    """Confidence beside accuracy, by bins of confidence: what a reliability diagram shows.

    edges: (bins + 1,) of the bins, which are of equal width; each has its upper edge.
    counts: (bins,) decisions in each. confidence, accuracy: (bins,) their mean confidence and the
    share of them that is right, NaN where there are none.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def n(self) -> int:
        """The number of decisions."""
        return int(self.counts.sum())

    @property
    def right(self) -> float:
        """The share of the decisions that is right, NaN without decisions."""
        if not self.n:
            return float("nan")
        return float(np.nansum(self.counts * self.accuracy) / self.n)

    @property
    def ece(self) -> float:
        """The expected calibration error, from 0 to 1: the mean distance between confidence and
        accuracy, bins weighted by their decisions. NaN without decisions."""
        if not self.n:
            return float("nan")
        distance = np.abs(self.accuracy - self.confidence)
        return float(np.nansum(self.counts * distance) / self.n)


def reliability(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> Reliability:
    """Sort decisions into bins of confidence, as Guo et al. 2017 (https://arxiv.org/abs/1706.04599).

    confidence: (n,) the probability that was given to each decision, from 0 to 1.
    correct: (n,) whether it is right. bins: how many, of equal width.

    RAISES (MTLError): If the lengths differ, or a confidence is no probability.
    """
    confidences = np.asarray(confidence, dtype="float64").reshape(-1)
    right = np.asarray(correct, dtype="float64").reshape(-1)
    if len(confidences) != len(right):
        raise MTLError(
            f"Expected as many confidences as decisions, got {len(confidences)} and {len(right)}."
        )
    if not ((confidences >= -ROUNDING) & (confidences <= 1 + ROUNDING)).all():
        raise MTLError("Expected confidences from 0 to 1, got others.")
    if bins < 1:
        raise MTLError(f"Expected at least one bin, got {bins}.")
    edges = np.linspace(0.0, 1.0, bins + 1)
    bin_of = np.searchsorted(edges[1:-1], confidences, side="left")
    counts = np.bincount(bin_of, minlength=bins)
    sums = [np.bincount(bin_of, weights=w, minlength=bins) for w in (confidences, right)]
    means = [np.where(counts > 0, s / np.maximum(counts, 1), np.nan) for s in sums]
    return Reliability(edges, counts, *means)
