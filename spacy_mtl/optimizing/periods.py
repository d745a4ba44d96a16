"""From which step to which a task is trained, and when its patience is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ..errors import MTLError

Evaluations = Sequence[tuple[int, float]]  # step and score, oldest first


@dataclass(frozen=True)
class TrainingPeriod:
    """When a task is trained.

    start: the first step. stop: the first step without it, None to go on. patience: steps
    between the best evaluation since the start and one at which the task is stopped for good,
    None for never; of equal scores, it is counted from the first, and the last is the best.
    """

    start: int = 0
    stop: int | None = None
    patience: int | None = None

    def includes(self, step: int) -> bool:
        """Whether a step is in it, whatever the scores."""
        return step >= self.start and (self.stop is None or step < self.stop)

    def exhausted(self, evaluations: Evaluations) -> int | None:
        """The step of the evaluation at which there was no patience left, None if there is."""
        return self._ends(evaluations)[1]

    def stopped(self, evaluations: Evaluations) -> bool:
        """Whether patience has stopped it, before it was over anyway."""
        step = self.exhausted(evaluations)
        return step is not None and (self.stop is None or step < self.stop)

    def best(self, evaluations: Evaluations) -> int | None:
        """The number of the best evaluation, as far as there was patience; None without any."""
        return self._ends(evaluations)[0]

    def _ends(self, evaluations: Evaluations) -> tuple[int | None, int | None]:
        """The number of the best evaluation, and the step without patience."""
        best: int | None = None
        best_step, highest = self.start, float("-inf")
        for number, (step, score) in enumerate(evaluations):
            if step >= self.start and score > highest:
                best, best_step, highest = number, step, score
                continue
            if score == highest:
                best = number
            if self.patience is not None and step - best_step >= self.patience:
                return best, step
        return best, None


def smoothed(evaluations: Evaluations, length: int) -> list[tuple[int, float]]:
    """Each score as the mean of the last `length`, itself included, as far as there are any."""
    scores = [score for _, score in evaluations]
    parts = (scores[max(0, i + 1 - length) : i + 1] for i in range(len(scores)))
    means = (sum(part) / len(part) for part in parts)
    return [(step, mean) for (step, _), mean in zip(evaluations, means, strict=True)]


def risen(evaluations: Evaluations) -> Evaluations:
    """The evaluations from that on which is the first to be better than the very first one."""
    for number, (_, score) in enumerate(evaluations):
        if score > evaluations[0][1]:
            return evaluations[number:]
    return []


def periods(tasks: Mapping[str, Any] | None, patience: int | None) -> dict[str, TrainingPeriod]:
    """The periods that settings by task give. patience: of those that have no such setting.

    RAISES (MTLError): For other settings, and numbers that are no such steps.
    """
    return {task: _period(task, settings, patience) for task, settings in (tasks or {}).items()}


def _period(task: str, settings: Any, patience: int | None) -> TrainingPeriod:
    known = [field.name for field in fields(TrainingPeriod)]
    where = f"[training.before_update.tasks.{task}]"
    if not isinstance(settings, dict) or not set(settings) <= set(known):
        raise MTLError(f"Expected {', '.join(known)} in {where}, got {settings!r}.")
    for name, value in settings.items():
        least = 0 if name == "start" else 1
        if value is not None or name == "start":
            check_steps(value, least, f"{name} in {where}")
    period = TrainingPeriod(**{"patience": patience, **settings})
    if period.stop is not None and period.stop <= period.start:
        raise MTLError(
            f"Expected stop behind start in {where}, got {period.start} and {period.stop}."
        )
    return period


def check_steps(value: Any, least: int, where: str) -> None:
    """RAISES (MTLError): If a setting is not a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise MTLError(f"Expected steps, {least} or more, for {where}, got {value!r}.")
