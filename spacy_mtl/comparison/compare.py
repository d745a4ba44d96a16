"""Carry out a plan and test what it shows."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from spacy.tokens import DocBin
from spacy.training import Example

from ..evaluation.runs import Result, Run, Spawn, execute
from ..metrics.base import Statistics
from ..tasks.base import Task
from ..tasks.capable import Measurable, labels_of
from .bootstrap import Estimate, Resampled, delta_m, difference, holm, resample
from .plan import Plan
from .results import (
    COSTS,
    GAINS,
    NONE,
    AtFraction,
    Comparison,
    Gain,
    Results,
    Score,
    SystemResult,
    TaskInfo,
)
from .survey import test_examples

RUNS = "runs"
SAMPLES = 10_000
CONFIDENCE = 0.95
ALPHA = 0.05

Finished = dict[tuple[str, int], Result]  # by system and seed


def compare(
    plan: Plan,
    output: Path,
    *,
    jobs: int = 1,
    command: str = "",
    samples: int = SAMPLES,
    on_start: Callable[[Run, Path], None] | None = None,
    on_done: Callable[[Run, Result], None] | None = None,
    carry_out: Spawn | None = None,
) -> Results:
    """Train what is not finished yet below `output`, and compare.

    jobs: processes at once. command: what the user ran, for the record. on_start, on_done,
    carry_out: see `execute`.
    RAISES (RunError): If a run failed, after all others were done.
    """
    runs = [planned.run for planned in plan.runs]
    done = execute(
        runs,
        output / RUNS,
        jobs=jobs,
        on_start=on_start,
        on_done=on_done,
        carry_out=carry_out,
    )
    by_fraction: dict[float, Finished] = {}
    for planned, result in zip(plan.runs, done, strict=True):
        of_fraction = by_fraction.setdefault(planned.fraction, {})
        of_fraction[planned.system, planned.seed] = result
    judge = _Judge(plan, output, samples)
    return Results(
        config=plan.settled.name,
        test=str(plan.settled.test),
        test_docs=len(judge.gold),
        command=command,
        packages={name: version(name) for name in ("spacy-mtl", "spacy", "thinc", "numpy")},
        samples=samples,
        confidence=CONFIDENCE,
        alpha=ALPHA,
        tasks=_infos(plan),
        single=plan.single,
        joint=plan.joint,
        fractions=[judge.at(fraction, found) for fraction, found in by_fraction.items()],
    )


class _Judge:
    """Scores and compares the runs of a plan."""

    def __init__(self, plan: Plan, output: Path, samples: int) -> None:
        self.plan = plan
        self.tasks: dict[str, Task] = {n: task for n, (_, task) in plan.survey.tasks.items()}
        self.gold = [eg.reference for eg in test_examples(plan.settled.test, plan.survey.nlp)]
        self._output = output
        self._samples = samples

    def at(self, fraction: float, found: Finished) -> AtFraction:
        """All systems with this part of the data."""
        seeds = list(self.plan.settled.seeds_at(fraction))
        names = list(dict.fromkeys(system for system, _ in found))
        of_system = {name: [found[name, seed] for seed in seeds] for name in names}
        found_of = {name: self._statistics(name, results) for name, results in of_system.items()}
        scores = {}
        for task in self.tasks:
            of_task = {name: by_task[task] for name, by_task in found_of.items() if task in by_task}
            if of_task and _is_defined(of_task):
                scores[task] = resample(of_task, self._samples)
        return AtFraction(
            fraction=fraction,
            steps=self.plan.steps[fraction],
            seeds=seeds,
            systems={n: self._system(n, results, scores) for n, results in of_system.items()},
            comparisons={name: self._comparison(name, scores) for name in self.plan.joint},
        )

    def _statistics(self, system: str, results: Sequence[Result]) -> dict[str, list[Statistics]]:
        """By task that the system has and that can be measured, the statistics of each seed."""
        own = {
            name: task
            for name, task in self.tasks.items()
            if self._has(system, name) and isinstance(task, Measurable)
        }
        found: dict[str, list[Statistics]] = {name: [] for name in own}
        for result in results:
            docs = DocBin().from_disk(result.predictions).get_docs(self.plan.survey.nlp.vocab)
            examples = [Example(*pair) for pair in zip(docs, self.gold, strict=True)]
            for name, task in own.items():
                found[name].append(task.statistics(examples))
        return found

    def _has(self, system: str, task: str) -> bool:
        return system in self.plan.joint or system == self.plan.single[task]

    def _system(
        self, name: str, results: Sequence[Result], scores: Mapping[str, Mapping[str, Resampled]]
    ) -> SystemResult:
        n = len(results)
        return SystemResult(
            scores={
                task: Score(found[name].mean, found[name].std, found[name].per_seed.tolist())
                for task, found in scores.items()
                if name in found
            },
            runs=[os.path.relpath(result.folder, self._output) for result in results],
            train_seconds=sum(result.train_seconds for result in results) / n,
            words_per_second=sum(result.words_per_second for result in results) / n,
            bytes=results[0].bytes,
        )

    def _comparison(self, joint: str, scores: Mapping[str, Mapping[str, Resampled]]) -> Comparison:
        pairs = {
            task: (found[joint], found[self.plan.single[task]]) for task, found in scores.items()
        }
        estimates = {task: difference(*pair, CONFIDENCE) for task, pair in pairs.items()}
        p = holm({task: found.p for task, found in estimates.items()})
        gains = {
            task: Gain(
                e.value,
                e.low,
                e.high,
                e.p,
                p[task],
                verdict(e.value, p[task], pairs[task][0].higher_is_better),
            )
            for task, e in estimates.items()
        }
        undefined = [task for task, (_, alone) in pairs.items() if not alone.mean > 0]
        related = [pair for task, pair in pairs.items() if task not in undefined]
        total = Estimate(0.0, 0.0, 0.0, 1.0)
        if related:
            total = delta_m([a for a, _ in related], [b for _, b in related], CONFIDENCE)
        return Comparison(gains, total.value, total.low, total.high, undefined)


def verdict(value: float, p: float, higher_is_better: bool = True) -> str:
    """In words, what a difference with this corrected p shows."""
    if p >= ALPHA:
        return NONE
    return GAINS if (value if higher_is_better else -value) > 0 else COSTS


def _is_defined(systems: Mapping[str, Sequence[Statistics]]) -> bool:
    """Whether the test documents give all systems a score with every seed."""
    return all(math.isfinite(each.score()) for seeds in systems.values() for each in seeds)


def _infos(plan: Plan) -> dict[str, TaskInfo]:
    infos = {}
    for name, (component, task) in plan.survey.tasks.items():
        measured = task.statistics([]) if isinstance(task, Measurable) else None
        coverage = {
            corpus: {"docs": found.docs, "units": found.units}
            for corpus, found in plan.survey.coverage[name].items()
        }
        infos[name] = TaskInfo(
            component,
            type(task).__name__,
            task.writes,
            None if measured is None else measured.metric,
            list(labels_of(task)),
            coverage,
            measured is None or measured.higher_is_better,
            measured is None or measured.is_share,
            plan.with_needs[name],
        )
    return infos
