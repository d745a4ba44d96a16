"""Which labels are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import MTLError


@dataclass(frozen=True)
class Confusion:
    """How often units of each gold label got each label.

    rows, columns: the names of gold and of predicted labels, each name once. A name at one side
        alone is no label, but stands for what has none there, as "(not found)" among the columns.
    counts: (n_rows, n_columns).
    """

    rows: list[str]
    columns: list[str]
    counts: NDArray[np.int64]

    @classmethod
    def added(cls, parts: Sequence[Confusion]) -> Confusion:
        """The sum of at least one, by their names; those of one side are in the order in which
        they come first."""
        if not parts:
            raise MTLError("Expected at least one confusion matrix to add up, got none.")
        rows = list(dict.fromkeys(name for part in parts for name in part.rows))
        columns = list(dict.fromkeys(name for part in parts for name in part.columns))
        counts = np.zeros((len(rows), len(columns)), dtype="int64")
        for part in parts:
            of_rows, of_columns = map(rows.index, part.rows), map(columns.index, part.columns)
            counts[np.ix_(list(of_rows), list(of_columns))] += part.counts
        return cls(rows, columns, counts)


def unit_confusion(
    labels: Sequence[str], gold: ArrayLike, guess: ArrayLike, none: str = ""
) -> Confusion:
    """Of units that have one gold label and get one.

    gold, guess: (n_units,) numbers of labels. A gold one that is negative is left out, a negative
        guess is no label, for which there is a column `none` if that has a name.
    RAISES (MTLError): If a guess is negative, and there is no such column.
    """
    golds, guesses = (np.asarray(side, dtype="int64").reshape(-1) for side in (gold, guess))
    golds, guesses = golds[golds >= 0], guesses[golds >= 0]
    columns = [*labels, none] if none else list(labels)
    if not none and (guesses < 0).any():
        raise MTLError("Expected a label for each unit that has a gold one, got none for some.")
    counts = np.zeros((len(labels), len(columns)), dtype="int64")
    np.add.at(counts, (golds, np.where(guesses < 0, len(labels), guesses)), 1)
    return Confusion(list(labels), columns, counts)
