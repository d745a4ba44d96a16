"""Gold annotation of a batch as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import Ops
from thinc.types import Floats2d, Ints1d


@dataclass(frozen=True)
class ColumnTargets:
    """One gold column for each unit.

    classes: (n_units,) the column, 0 where masked; mask: (n_units,) bool. known: (n_units,
    n_columns) bool, the columns that the unit's corpus knows; None where all know all.
    """

    classes: Ints1d
    mask: Any
    n_units: int
    known: Any = None

    @property
    def gold(self) -> Any:
        """See `Targets`."""
        return self.classes

    @property
    def says(self) -> Any:
        """What is annotated at all, of the shape of `mask`, be it only what the unit is not."""
        return self.mask

    @classmethod
    def of(cls, gold: NDArray, known: NDArray[np.bool_] | None, ops: Ops) -> ColumnTargets:
        """Targets on the model's device, masked where the gold column is -1 or not known."""
        classes = np.maximum(gold, 0)
        mask = gold >= 0
        if known is not None:
            mask &= known[np.arange(len(gold)), classes]
            known = ops.xp.asarray(known)
        return cls(ops.xp.asarray(classes), ops.xp.asarray(mask), int(mask.sum()), known)


@dataclass(frozen=True)
class SpanTargets(ColumnTargets):
    """One gold column for each token, and spans that are not there.

    rejected: (n_spans, 3) the rows of the first and the last token, and the type; each is a unit
    more. None where they are not used.
    """

    rejected: NDArray[np.int64] | None = None

    @classmethod
    def of_spans(cls, tokens: ColumnTargets, rejected: NDArray[np.int64] | None) -> SpanTargets:
        """The targets of the tokens with those of the spans."""
        n_units = tokens.n_units + (0 if rejected is None else len(rejected))
        return cls(tokens.classes, tokens.mask, n_units, tokens.known, rejected)


@dataclass(frozen=True)
class ClassTargets(ColumnTargets):
    """One gold column for each document, or columns that it cannot be.

    possible: (n_docs, n_columns) bool, the columns that are left to documents of which only wrong
    ones are known, none for all other documents; each such document is a unit more. None where
    there is no such document.
    """

    possible: Any = None

    @property
    def says(self) -> Any:
        return self.mask if self.possible is None else self.mask | self.possible.any(axis=1)

    @classmethod
    def of_classes(
        cls, gold: NDArray, wrong: NDArray[np.bool_], known: NDArray[np.bool_] | None, ops: Ops
    ) -> ClassTargets:
        """Targets on the model's device. wrong: (n_docs, n_columns) which columns are wrong.

        A document without a gold column whose columns are all wrong says nothing: one must apply.
        """
        labelled = ColumnTargets.of(gold, known, ops)
        there = np.ones(wrong.shape, dtype=bool) if known is None else known
        possible = there & ~wrong
        partly = (gold < 0) & (there & wrong).any(axis=1) & possible.any(axis=1)
        possible &= partly[:, None]
        return cls(
            labelled.classes,
            labelled.mask,
            labelled.n_units + int(partly.sum()),
            labelled.known,
            ops.xp.asarray(possible) if partly.any() else None,
        )


@dataclass(frozen=True)
class CellTargets:
    """A truth for each unit and column.

    truths: (n_units, n_columns) of 0 to 1; mask: the same shape, bool: what is annotated.
    """

    truths: Floats2d
    mask: Any
    n_units: int

    @property
    def gold(self) -> Any:
        """See `Targets`."""
        truths: Any = self.truths
        return truths >= 0.5

    @property
    def says(self) -> Any:
        """See `ColumnTargets`."""
        return self.mask
