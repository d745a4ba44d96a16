"""F and accuracy, from what is right and wrong of each label in each document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .base import Array, Summed

WHOLE = "(whole)"  # stands for all labels of a unit
UNSEEN = "(unseen)"  # stands for all gold labels that the task does not know
Average = Literal["micro", "macro"]


@dataclass(frozen=True)
class Counts(Summed):
    """True positives, false positives and false negatives of each document and label.

    array: (n_docs, n_labels, 3). labels: of its second axis.
    average: "micro" for F over all labels together, which is the accuracy where every unit gets
        one label; "macro" for the mean F of the labels that occur, in gold or prediction.
    metric: the name of that score, which is 0 if nothing occurs.
    """

    array: NDArray[np.int64]
    labels: tuple[str, ...]
    average: Average
    metric: str

    def columns(self) -> NDArray[np.int64]:
        """(n_docs, n, 3) what the score needs of each document: with micro average, n is 1."""
        return self.array if self.average == "macro" else self.array.sum(axis=1, keepdims=True)

    def of_sums(self, sums: NDArray[Any]) -> Array:
        """See `Summed`."""
        return f_score(sums, self.average)

    def per_label(self) -> dict[str, dict[str, float]]:
        """Precision, recall, F and number of gold units of each label that occurs."""
        totals = self.array.sum(axis=0)
        found = {}
        for label, (tp, fp, fn) in zip(self.labels, totals.tolist(), strict=True):
            if tp + fp + fn:
                found[label] = {
                    "p": tp / max(tp + fp, 1),
                    "r": tp / max(tp + fn, 1),
                    "f": 2 * tp / (2 * tp + fp + fn),
                    "gold": tp + fn,
                }
        return found


@dataclass(frozen=True)
class SetCounts(Counts):
    """Counts of units that have a set of labels each, as a word has features.

    The score is the share of the units of which all labels are right, and no others are there.
    array: (n_docs, 1 + n_labels, 3), first of the units as a whole. labels: `WHOLE` stands first.
    """

    def columns(self) -> NDArray[np.int64]:
        return self.array[:, :1]

    def per_label(self) -> dict[str, dict[str, float]]:
        return Counts(self.array[:, 1:], self.labels[1:], "micro", self.metric).per_label()


def f_score(totals: NDArray[Any], average: Average) -> NDArray[np.float64]:
    """F from summed counts, (..., n, 3) to (...); see `Counts.average`.

    With the micro average, the labels' counts are those of `Counts.columns`.
    """
    tp, errors = totals[..., 0], totals[..., 1] + totals[..., 2]
    occurs = tp + errors > 0
    f = np.where(occurs, 2 * tp / np.maximum(2 * tp + errors, 1e-12), 0.0)
    n = occurs.sum(axis=-1) if average == "macro" else np.ones(f.shape[:-1])
    scores: NDArray[np.float64] = f.sum(axis=-1) / np.maximum(n, 1)
    return scores


def count_units(
    document: ArrayLike, gold: ArrayLike, guess: ArrayLike, n_docs: int, n_labels: int
) -> NDArray[np.int64]:
    """(n_docs, n_labels, 3) counts of units that have one gold label and get one.

    document, gold, guess: of each unit, the last two as numbers of labels, -1 for none.
    """
    counts = np.zeros((n_docs, n_labels, 3), dtype="int64")
    docs, golds, guesses = (np.asarray(each, dtype="int64") for each in (document, gold, guess))
    right = (golds == guesses) & (golds >= 0)
    np.add.at(counts, (docs[right], golds[right], 0), 1)
    for column, labels in ((1, guesses), (2, golds)):
        wrong = ~right & (labels >= 0)
        np.add.at(counts, (docs[wrong], labels[wrong], column), 1)
    return counts
