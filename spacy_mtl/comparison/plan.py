"""Which runs a comparison consists of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from spacy.util import load_model_from_config, registry
from thinc.api import Config

from ..configs.single_task import (
    JOINT,
    Settings,
    at_fraction,
    check_comparable,
    measured,
    needed_with,
    plain,
    single_name,
    single_task,
)
from ..configs.variants import varied
from ..errors import MTLError
from ..evaluation.runs import Run
from ..mixing.minibatches import BatchSizes
from ..pipeline.live import multitasks, tasks_by_name
from .survey import TaskSurvey, survey_tasks


@dataclass(frozen=True)
class Settled:
    """What to compare, and how often.

    name: of the config. config: not interpolated. test: a `.spacy` file or a folder of them.
    seeds: how many, from 0 on. steps: of the full data; None for the config's `max_steps`.
    fractions: of the training data, above 0 and up to 1. fraction_seeds: seeds of those below 1.
    vary: changes of the joint config, each of which makes one more system.
    code: a Python file with functions that the config names.
    """

    name: str
    config: Config
    test: Path
    seeds: int = 5
    steps: int | None = None
    fractions: Sequence[float] = (1.0,)
    fraction_seeds: int | None = None
    vary: Sequence[str] = ()
    code: Path | None = None

    def __post_init__(self) -> None:
        for name, value in (("seeds", self.seeds), ("fraction_seeds", self.fraction_seeds)):
            if value is not None and value < 1:
                raise MTLError(f"Expected 1 or more as {name}, got {value}.")
        if not self.fractions or not all(0 < fraction <= 1 for fraction in self.fractions):
            raise MTLError(f"Expected fractions above 0 and up to 1, got {list(self.fractions)}.")

    def seeds_at(self, fraction: float) -> range:
        """The seeds of the runs with this part of the data."""
        few = self.fraction_seeds if fraction < 1 else None
        return range(self.seeds if few is None else few)


@dataclass(frozen=True)
class Planned:
    """A run and what it is for."""

    system: str
    fraction: float
    seed: int
    run: Run


@dataclass(frozen=True)
class Plan:
    """All runs, in the order of their seeds, so that early results are of all systems.

    steps: by fraction. single: of each task, the name of its own pipeline.
    variants: the change that each further system makes.
    """

    settled: Settled
    survey: TaskSurvey
    steps: dict[float, int]
    runs: list[Planned]

    @property
    def single(self) -> dict[str, str]:
        return {task: single_name(task) for task in self.survey.tasks}

    @property
    def with_needs(self) -> dict[str, list[str]]:
        """The other tasks that the own pipeline of each task has."""
        return {task: needed_with(self.survey.nlp, task) for task in self.survey.tasks}

    @property
    def joint(self) -> list[str]:
        """The systems that have all tasks, the one of the config first."""
        return [JOINT, *self.settled.vary]


def make_plan(settled: Settled) -> Plan:
    """Look at the data, and derive the configs of all runs.

    RAISES (MTLError): If the config has nothing to compare, or does not say how long to train; if
        it streams its data while only a part of them is wanted, or a variant changes nothing.
    """
    config = load_model_from_config(settled.config, auto_fill=True).config
    settled = replace(settled, config=config, vary=list(dict.fromkeys(settled.vary)))
    base = plain(config, 0)
    full = base["training"]["max_steps"] if settled.steps is None else settled.steps
    if full < 1:
        raise MTLError(
            "Expected a number of steps, the same for all systems, got max_steps = 0. Give --steps."
        )
    if base["training"]["max_epochs"] == -1 and min(settled.fractions) < 1:
        raise MTLError(
            "Expected training data that are read whole, to take a part of them, got a stream "
            "(max_epochs = -1). Leave --fractions out, or set training.max_epochs to 0."
        )
    variants = {
        change: load_model_from_config(Config(plain(varied(config, change), 0)))
        for change in settled.vary
    }
    found = survey_tasks(base, settled.test)
    for change, nlp in variants.items():
        if left_out := found.tasks.keys() - tasks_by_name(multitasks(nlp)).keys():
            raise MTLError(
                f"Expected variants that predict all tasks of the config, got {change}, which "
                f"leaves out {', '.join(sorted(left_out))}. Compare it as a config of its own: an "
                "auxiliary task has no score."
            )
    check_comparable(base, found.nlp)
    lengths = {
        fraction: scaled_length(base["training"], full, fraction) for fraction in settled.fractions
    }
    steps = {fraction: length for fraction, (length, _) in lengths.items()}
    return Plan(settled, found, steps, list(_runs(settled, found, lengths)))


def scaled_length(training: Settings, steps: int, fraction: float) -> tuple[int, int]:
    """The steps with a part of the data, see `scaled_steps`, and those between evaluations.

    There are as many evaluations as with all data. The last step is evaluated, for which the steps
    are rounded down to a multiple of those between evaluations.
    """
    evaluations = max(1, math.ceil(steps / training["eval_frequency"]))
    scaled = scaled_steps(training["batcher"], steps, fraction)
    frequency = max(1, scaled // evaluations)
    return scaled // frequency * frequency, frequency


def scaled_steps(batcher: Settings, steps: int, fraction: float) -> int:
    """The steps after which a part of the data was seen as often as all of it after `steps`.

    Batches that grow are smaller at the beginning, so that these are more than the part of the
    steps. At least 1.
    """
    if fraction == 1 or "size" not in batcher:
        return max(1, round(steps * fraction))
    sizes = BatchSizes(registry.resolve({"size": batcher["size"]})["size"])
    sizes.start(0)
    seen = np.cumsum([sizes.next() for _ in range(steps)])
    return int(np.searchsorted(seen, fraction * seen[-1])) + 1


def _runs(
    settled: Settled, found: TaskSurvey, lengths: dict[float, tuple[int, int]]
) -> Iterator[Planned]:
    code = None if settled.code is None else str(settled.code)
    for fraction in sorted(settled.fractions, reverse=True):
        for seed in settled.seeds_at(fraction):
            for name, config in _systems(settled, found, seed):
                config = at_fraction(config, fraction, seed, *lengths[fraction])
                shown = f"{name} at {fraction:g}" if len(settled.fractions) > 1 else name
                run = Run(shown, config, seed, str(settled.test), code)
                yield Planned(name, fraction, seed, run)


def _systems(settled: Settled, found: TaskSurvey, seed: int) -> Iterator[tuple[str, Settings]]:
    base = plain(settled.config, seed)
    yield JOINT, measured(base)
    for task in found.tasks:
        yield single_name(task), single_task(base, found.nlp, task, found.without)
    for change in settled.vary:
        yield change, measured(plain(varied(settled.config, change), seed))
