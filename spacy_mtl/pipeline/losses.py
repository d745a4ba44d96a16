"""The losses that the training log shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class _Sums:
    loss: float = 0.0
    weighted: float = 0.0
    units: int = 0


class RunningLosses:
    """Mean losses per labelled unit, since spaCy handed over a new dict.

    spaCy's loop passes the same dict until the next evaluation and prints what is in it then.
    """

    def __init__(self) -> None:
        self._component = ""
        self._sums: dict[str, _Sums] = {}

    def open(self, losses: dict[str, float], component: str, tasks: list[str]) -> None:
        """Begin anew if the dict is new, and set every key.

        component: its name at this time; spaCy renames a component that another pipeline sources.
        """
        self._component = component
        if component not in losses:
            self._sums = {task: _Sums() for task in tasks}
        for task in tasks:
            self._sums.setdefault(task, _Sums())
            losses.setdefault(f"{component}_{task}", 0.0)
        losses.setdefault(component, 0.0)

    def add(self, task: str, loss: float, units: int, weight: float) -> None:
        """Count a batch: its summed loss, its labelled units, and the task's weight in it."""
        sums = self._sums[task]
        sums.loss += loss
        sums.weighted += weight * loss
        sums.units += units

    def report(self, losses: dict[str, float]) -> None:
        """Set the means, and at the component's name the sum of the weighted means."""
        counted = {task: sums for task, sums in self._sums.items() if sums.units}
        for task, sums in counted.items():
            losses[f"{self._component}_{task}"] = sums.loss / sums.units
        losses[self._component] = sum((s.weighted / s.units for s in counted.values()), 0.0)
