"""What a topology learns beside the tasks' losses, and how many steps it has made."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from thinc.api import Model

from ...errors import MTLError
from ...schedules import Setting
from ...state import State


class OwnSteps:
    """Gradients that a topology adds by itself, by how strongly at which step.

    strength: of zero or more; a number, or a thinc schedule over the optimizer's steps. name: how
        errors call it.
    before_step: adds gradients when those of the tasks are complete, given the model, the strength
        and the tasks that step; None if `represent` does so.
    """

    def __init__(
        self,
        strength: Any,
        name: str,
        before_step: Callable[[Model, float, Collection[str]], None] | None = None,
    ) -> None:
        self._strength = Setting(strength, name)
        self._name = name
        self._before_step = before_step
        self._steps = 0
        self.strength()  # an error now, if it is none

    def strength(self) -> float:
        """At the present step.

        RAISES (MTLError): If it is below zero.
        """
        value = self._strength.at(self._steps)
        if not value >= 0:
            raise MTLError(f"Expected {self._name} of at least 0, got {value:g}.")
        return value

    def step(self, model: Model, tasks: Collection[str]) -> None:
        """Add the gradients, and go on to the next step. tasks: those that step."""
        if self._before_step is not None:
            self._before_step(model, self.strength(), tasks)
        self._steps += 1

    def reset(self) -> None:
        """Begin with the first step again.

        RAISES (MTLError): If a schedule has gone on.
        """
        if self._strength.begun:
            raise MTLError(
                f"Expected the schedule of {self._name} at its beginning, to begin training anew, "
                f"got it after {self._steps} steps, and schedules do not go back. Make the "
                "pipeline from its config again, or load it from disk."
            )
        self._steps = 0

    def state(self) -> State:
        """See `spacy_mtl.state.Stateful`."""
        return {"steps": np.asarray(self._steps)}

    def load_state(self, state: State) -> None:
        """See `spacy_mtl.state.Stateful`."""
        self._steps = int(state["steps"])
