"""At which steps a pipeline was evaluated: spaCy's loop tells callbacks neither that nor scores."""

from __future__ import annotations

import numpy as np

from ..errors import MTLError
from ..pipeline.history import ScoreHistory
from ..state import State

BEFORE = -1  # the step of evaluations that were made before this training


class EvaluationSteps:
    """The steps of each component's evaluations, of which its history has the scores."""

    def __init__(self) -> None:
        self._steps: dict[str, list[int]] = {}

    def begins_anew(self, component: str, history: ScoreHistory) -> bool:
        """Whether the history is another than that of the steps so far."""
        return len(history) < len(self._steps.get(component, ()))

    def note(self, component: str, history: ScoreHistory, latest: int) -> list[int]:
        """All steps so far; evaluations that are not known yet were made at the step `latest`.

        Those that are there at the first call were made before this training.
        """
        latest = latest if component in self._steps else BEFORE
        steps = self._steps.setdefault(component, [])
        if len(history) < len(steps):
            steps.clear()
        steps += [latest] * (len(history) - len(steps))
        return steps

    def state(self) -> State:
        """See `spacy_mtl.state.Stateful`."""
        return {name: np.asarray(steps, "int64") for name, steps in self._steps.items()}

    def load_state(self, state: State) -> None:
        """See `spacy_mtl.state.Stateful`."""
        if any(steps.ndim != 1 for steps in state.values()):
            raise MTLError("Expected the steps of the evaluations in one dimension.")
        self._steps = {name: [int(step) for step in steps] for name, steps in state.items()}
