"""The losses that the training log shows."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

from ..state import State


@dataclass
class _Sums:
    loss: float = 0.0
    weighted: float = 0.0
    units: int = 0
    weights: float = 0.0
    batches: int = 0


class RunningLosses:
    """Mean losses per labelled unit, since spaCy handed over a new dict.

    spaCy's loop passes the same dict until the next evaluation and prints what is in it then.
    """

    def __init__(self) -> None:
        self._component = ""
        self._sums: dict[str, _Sums] = {}

    def open(self, losses: dict[str, float], component: str, tasks: list[str]) -> bool:
        """Begin anew if the dict is new, and set every key; whether it was new.

        component: its name at this time; spaCy renames a component that another pipeline sources.
        """
        self._component = component
        new = component not in losses
        if new:
            self._sums = {task: _Sums() for task in tasks}
        for task in tasks:
            self._sums.setdefault(task, _Sums())
            losses.setdefault(f"{component}_{task}", 0.0)
        losses.setdefault(component, 0.0)
        return new

    def add(self, task: str, loss: float, units: int, weight: float) -> None:
        """Count a batch: its summed loss, its labelled units, and the task's weight in it."""
        sums = self._sums[task]
        sums.loss += float(loss)
        sums.weighted += float(weight * loss)
        sums.units += units
        sums.weights += float(weight)
        sums.batches += 1

    def losses(self) -> dict[str, float]:
        """The mean loss per labelled unit of each task that had any."""
        return {task: s.loss / s.units for task, s in self._sums.items() if s.units}

    def weights(self) -> dict[str, float]:
        """The mean weight of each task, in the batches that had it."""
        return {task: s.weights / s.batches for task, s in self._sums.items() if s.batches}

    def report(self, losses: dict[str, float]) -> None:
        """Set the means, and at the component's name the sum of the weighted means."""
        losses.update({f"{self._component}_{task}": m for task, m in self.losses().items()})
        weighted = (s.weighted / s.units for s in self._sums.values() if s.units)
        losses[self._component] = sum(weighted, 0.0)

    def state(self) -> State:
        """The sums of each task; see `spacy_mtl.state.Stateful`."""
        return {task: np.asarray(astuple(s), dtype="float64") for task, s in self._sums.items()}

    def load_state(self, state: State) -> None:
        """See `spacy_mtl.state.Stateful`."""
        self._sums = {}
        for task, sums in state.items():
            loss, weighted, units, weights, batches = sums.tolist()
            self._sums[task] = _Sums(loss, weighted, int(units), weights, int(batches))
