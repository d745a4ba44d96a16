"""What a balancer is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ..state import State


class Balancer(Protocol):
    """Weighs the tasks of an update. It knows their names and losses, and nothing of spaCy."""

    def start(self, tasks: list[str]) -> None:
        """Learn the names of all tasks, before training; raises MTLError for unknown names."""

    def weights(self, losses: Mapping[str, float]) -> dict[str, float]:
        """The weight of each task in `losses`: those that the batch has labels for.

        losses: in the component's `loss_unit`. A task without labels takes no part.
        """

    def state(self) -> State:
        """See `spacy_mtl.state.Stateful`."""

    def load_state(self, state: State) -> None:
        """See `spacy_mtl.state.Stateful`."""
