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
