"""What a balancer is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ..state import State
from .gradients import TaskGradients


class Balancer(Protocol):
    """Weighs the tasks of an update. It knows their names, losses and gradients, not spaCy.

    A balancer may have a string `kind`, its class's name otherwise. It is saved with the state,
    which is left out where a pipeline is loaded with a balancer of another kind: those whose
    states differ, by method for example, need kinds that differ. One that has a string `gram` asks
    for `TaskGradients.gram` of that kind, so that several workers add it up with what else they do.

    needs_gradients: False for weights of the losses, which scale a task's head as well as its
        share in the encoder's gradient; True for weights from the tasks' gradients at the
        representation, which scale these alone.
    """

    needs_gradients: bool

    def start(self, tasks: list[str]) -> None:
        """Learn the names of all tasks.

        Called when training begins or goes on, never for a pipeline that only predicts, and
        possibly more than once. What was learned or loaded before stays; see `reset`.
        RAISES (MTLError): For settings that do not fit them.
        """

    def reset(self) -> None:
        """Forget all that was learned, counted or loaded, as if just made from the config.

        Called before `start` when the component is initialized: training begins anew. Raises
        MTLError, changing nothing, if that cannot be done.
        """

    def weights(
        self, losses: Mapping[str, float], gradients: TaskGradients | None = None
    ) -> dict[str, float]:
        """The weight of each task in `losses`: those that the batch has labels for.

        losses: in the component's `loss_unit`, at least one. gradients: of the same tasks, if
        `needs_gradients`. A task without labels takes no part, and what is known about it stays.
        """

    def state(self) -> State:
        """See `spacy_mtl.state.Stateful`."""

    def load_state(self, state: State) -> None:
        """See `spacy_mtl.state.Stateful`."""
