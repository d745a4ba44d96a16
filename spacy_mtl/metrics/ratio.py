"""Shares of units that are right: accuracy, attachment scores, exact match."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .base import Array, Summed, add_up


@dataclass(frozen=True)
class Ratio(Summed):
    """The share of the units that are right, 0 if there are none.

    array: (n_docs, 2) how many units are right, and how many there are.
    metric: what that is called: "accuracy", "exact match".
    """

    array: NDArray[np.int64]
    metric: str

    @classmethod
    def of_units(cls, document: ArrayLike, right: ArrayLike, n_docs: int, metric: str) -> Ratio:
        """document, right: (n_units,) the number of each unit's document, and whether the unit,
        which may be a token, an answer or a document, is right."""
        hits = np.asarray(right, dtype=bool).astype("int64")
        amounts = np.stack([hits, np.ones_like(hits)], axis=1)
        return cls(add_up(np.asarray(document), amounts, n_docs), metric)

    def of_sums(self, sums: NDArray[Any]) -> Array:
        """See `Summed`."""
        shares: Array = sums[:, 0] / np.maximum(sums[:, 1], 1)
        return shares


def attachment_scores(
    document: ArrayLike, gold: ArrayLike, guess: ArrayLike, n_docs: int
) -> tuple[Ratio, Ratio]:
    """The unlabelled and the labelled attachment score (Nivre and Fang 2017).

    document: (n_tokens,) of each token that is scored. gold, guess: (n_tokens, 2) its head and
        its label, as numbers.
    """
    same = np.asarray(gold).reshape(-1, 2) == np.asarray(guess).reshape(-1, 2)
    return (
        Ratio.of_units(document, same[:, 0], n_docs, "unlabelled attachment score"),
        Ratio.of_units(document, same.all(axis=1), n_docs, "labelled attachment score"),
    )
