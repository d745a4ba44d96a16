"""One score of a component, by which the best checkpoint is chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ..errors import MTLError
from .history import ScoreHistory

LOWEST = 0.01  # what a score counts as at least, where scores are compared by their ratio

# From each task's scores so far, the last one being of the present evaluation, to one number.
Rule = Callable[[Sequence[Sequence[float]]], float]


@dataclass(frozen=True)
class Selection:
    """How the tasks' main scores become one, at each evaluation of a training.

    rule: "mean", the arithmetic mean; "geometric", the geometric mean, which rises with the mean of
        the tasks' relative gains; "worst", the geometric mean of each task's best score so far,
        times the share of its best that the task has kept which has kept the least.
    evaluations: how many, the last ones, a task's score is first the mean of.
    decay: the weight of the past in an exponential mean in place of that, 0 for none.
    RAISES (MTLError): For another rule, fewer evaluations than 1, a decay outside of 0 to below 1,
        and for both means at once.
    """

    rule: str = "geometric"
    evaluations: int = 1
    decay: float = 0.0

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise MTLError(f"Expected `rule` out of {', '.join(RULES)}, got {self.rule!r}.")
        if self.evaluations < 1 or not 0 <= self.decay < 1:
            raise MTLError(
                "Expected `evaluations` of at least 1 and `decay` from 0 to below 1, got "
                f"{self.evaluations} and {self.decay}."
            )
        if self.evaluations > 1 and self.decay:
            raise MTLError("Expected `evaluations` or `decay`, got both. Leave one out.")

    @classmethod
    def of(cls, settings: Mapping[str, Any], component: str) -> Selection:
        """RAISES (MTLError): Also for settings that there are not, or of other types."""
        types = {"rule": (str,), "evaluations": (int,), "decay": (int, float)}
        known = [field.name for field in fields(cls)]
        wrong = {n: v for n, v in settings.items() if not isinstance(v, types.get(n, ()))}
        if wrong:
            raise MTLError(
                f"Expected {', '.join(known)} in [components.{component}.selection], got {wrong}."
            )
        return cls(**settings)

    def score(self, history: ScoreHistory) -> float | None:
        """The component's score at the last evaluation, at most 1; None if nothing was measured."""
        tasks = [self._smoothed(scores) for scores in history.by_task().values() if scores]
        return RULES[self.rule](tasks) if tasks else None

    def _smoothed(self, scores: Sequence[float]) -> list[float]:
        if self.decay:
            return _exponential(scores, self.decay)
        return [_mean(scores[max(0, i - self.evaluations) : i]) for i in range(1, len(scores) + 1)]


def _exponential(scores: Sequence[float], decay: float) -> list[float]:
    """The mean of the scores up to each, every one with `decay` times the weight of the next."""
    found, total, weight = [], 0.0, 0.0
    for score in scores:
        total, weight = decay * total + score, decay * weight + 1
        found.append(total / weight)
    return found


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores)


def _geometric(scores: Sequence[float]) -> float:
    return math.exp(_mean([math.log(max(score, LOWEST)) for score in scores]))


def _worst(tasks: Sequence[Sequence[float]]) -> float:
    best = [max(LOWEST, *scores) for scores in tasks]
    kept = [max(LOWEST, scores[-1]) / top for scores, top in zip(tasks, best, strict=True)]
    return _geometric(best) * min(kept)


RULES: dict[str, Rule] = {
    "mean": lambda tasks: _mean([scores[-1] for scores in tasks]),
    "geometric": lambda tasks: _geometric([scores[-1] for scores in tasks]),
    "worst": _worst,
}
