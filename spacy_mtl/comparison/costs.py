"""What pipelines take: time to train, time to annotate, and space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .results import AtFraction, Results, SystemResult


@dataclass(frozen=True)
class Cost:
    """Of a pipeline, or of several that annotate one after the other."""

    words_per_second: float
    bytes: int
    train_seconds: float


def joint_and_single(results: Results, joint: str, at: AtFraction) -> tuple[Cost, Cost]:
    """Of a joint pipeline, and of those of the single tasks that it takes the place of."""
    single = [at.systems[name] for name in results.single.values()]
    return cost([at.systems[joint]]), cost(single)


def cost(systems: Sequence[SystemResult]) -> Cost:
    """Of all of them together: each has to go through a text."""
    per_word = sum(1 / max(system.words_per_second, 1e-9) for system in systems)
    return Cost(
        1 / per_word,
        sum(system.bytes for system in systems),
        sum(system.train_seconds for system in systems),
    )
