"""How far a training has got through its corpora."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from ..errors import MTLError
from ..state import State
from .streams import Corpora, Place


@dataclass
class Position:
    """A place between two batches, from which all that follow can be made as they would have been.

    epoch, block: from 0; an epoch has one block or more.
    batches: how many of them the block has given.
    batch_sizes: how many were looked up in the schedule before the block.
    documents: of each corpus, in alphabetical order; empty before the first epoch.
    passes, drawn: of each corpus, where it was at the beginning of the block.
    draws: how many documents of each corpus an epoch has with the shares of this block; empty
        before it has begun.
    """

    epoch: int = 0
    block: int = 0
    batches: int = 0
    batch_sizes: int = 0
    documents: list[int] = field(default_factory=list)
    passes: list[int] = field(default_factory=list)
    drawn: list[int] = field(default_factory=list)
    draws: list[int] = field(default_factory=list)

    @property
    def places(self) -> list[Place]:
        """Where each corpus was at the beginning of the block."""
        return [Place(*place) for place in zip(self.passes, self.drawn, strict=True)]

    def enter(self, corpora: Corpora) -> None:
        """Begin with these corpora, or go on with them.

        RAISES (MTLError): If they do not have the documents that they had at the beginning.
        """
        if not self.documents:
            self.documents = list(corpora.sizes)
            self.passes = [0] * len(self.documents)
            self.drawn = [0] * len(self.documents)
        elif self.documents != corpora.sizes:
            had = ", ".join(map(str, self.documents))
            pairs = zip(corpora.names, corpora.sizes, strict=True)
            raise MTLError(
                f"Expected the corpora that the training began with, of {had} documents, got "
                f"{', '.join(f'{name} of {size}' for name, size in pairs)}. Go on with the same "
                "corpora, or begin a new training."
            )

    def end_block(self, places: Sequence[Place], batch_sizes: int) -> None:
        """Go to the next block. batch_sizes: how many this one looked up."""
        self.block += 1
        self.batches = 0
        self.batch_sizes += batch_sizes
        self.passes = [place.pass_number for place in places]
        self.drawn = [place.drawn for place in places]
        self.draws = []

    def end_epoch(self) -> None:
        """Go to the next epoch."""
        self.epoch += 1
        self.block = 0

    def state(self) -> State:
        """The position as arrays of whole numbers."""
        return {
            entry.name: np.asarray(getattr(self, entry.name), dtype="int64")
            for entry in fields(self)
        }

    @classmethod
    def from_state(cls, state: State) -> Position:
        """The position that had this state.

        RAISES (MTLError): If none can have it.
        """
        names = [entry.name for entry in fields(cls)]
        if sorted(state) != sorted(names):
            raise MTLError(
                f"Expected {', '.join(names)} as the batcher's state, got {', '.join(state)}."
            )
        fresh = cls()
        arrays = {name: np.asarray(state[name]) for name in names}
        for name, array in arrays.items():
            if array.ndim != np.ndim(getattr(fresh, name)) or array.dtype.kind not in "iu":
                raise MTLError(
                    f"Expected whole numbers with {np.ndim(getattr(fresh, name))} dimensions as "
                    f"'{name}' of the batcher's state, got {array!r}."
                )
        values: dict[str, Any] = {name: array.tolist() for name, array in arrays.items()}
        position = cls(**values)
        n = len(position.documents)
        if {len(position.passes), len(position.drawn), len(position.draws) or n} != {n}:
            raise MTLError(
                f"Expected the batcher's state of {n} corpora everywhere, as in `documents`, got "
                f"{position}."
            )
        return position
