"""What a comparison found, as the file `results.json` has it. `docs/comparing.md` describes it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import MTLError
from ..files import write_whole
from ..metrics.base import directed

VERSION = 2
READ = (1, VERSION)  # the first is without the direction of metrics, of which all were shares
FILE = "results.json"
GAINS, COSTS, NONE = "gains", "costs", "no difference shown"


@dataclass(frozen=True)
class TaskInfo:
    """What is scored of a task.

    kind: the class of the task. metric: the name of its score; None if it has none that can be
    compared. coverage: by training corpus, and for "test", the documents and units with labels.
    higher_is_better, is_share: of the metric, see `spacy_mtl.metrics.base.Statistics`.
    with_needs: the other tasks that its own pipeline has too, because it needs them.
    """

    component: str
    kind: str
    writes: str
    metric: str | None
    labels: list[str]
    coverage: dict[str, dict[str, int]]
    higher_is_better: bool = True
    is_share: bool = True
    with_needs: list[str] = field(default_factory=list)

    @property
    def directed_metric(self) -> str:
        """The metric for tables, with its direction if that is not the usual one."""
        return "" if self.metric is None else directed(self.metric, self.higher_is_better)


@dataclass(frozen=True)
class Score:
    """A task's test score by one system; std with n - 1. per_seed: in the order of the seeds."""

    mean: float
    std: float
    per_seed: list[float]


@dataclass(frozen=True)
class SystemResult:
    """A system at a fraction of the data.

    scores: by task. runs: the folder of each seed's run, below the folder of the results.
    train_seconds, words_per_second: mean over the seeds. bytes: of the saved pipeline.
    """

    scores: dict[str, Score]
    runs: list[str]
    train_seconds: float
    words_per_second: float
    bytes: int


@dataclass(frozen=True)
class Gain:
    """A joint system against the single tasks, for one task.

    difference: of the means, joint minus single, so that for an error, below 0 is a gain. low,
    high: its interval. p: two-sided; p_holm: corrected for the number of tasks. verdict: "gains",
    "costs" or "no difference shown".
    """

    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """A joint system against the single tasks.

    tasks: those that have a score of the test documents. delta_m: in per cent, with its interval.
    undefined: the tasks that are left out of it, as they do not score above 0 alone and no gain is
    relative to that; if all are, it is 0.
    """

    tasks: dict[str, Gain]
    delta_m: float
    delta_m_low: float
    delta_m_high: float
    undefined: list[str] = field(default_factory=list)

    @property
    def left_out(self) -> str:
        """What is to be said behind Delta_m: the tasks that it is without, if there are any."""
        if not self.undefined:
            return ""
        return f" without {_list(self.undefined)}, not above 0 when alone"


@dataclass(frozen=True)
class AtFraction:
    """All systems with a part of the training data. comparisons: by joint system."""

    fraction: float
    steps: int
    seeds: list[int]
    systems: dict[str, SystemResult]
    comparisons: dict[str, Comparison]


@dataclass(frozen=True)
class Results:
    """A finished comparison.

    single: of each task, the system that has it alone. joint: the systems that have all, that of
    the config first. alpha: the level of the verdicts. confidence: of the intervals.
    command: what makes these results again. fractions: the largest first.
    """

    config: str
    test: str
    test_docs: int
    command: str
    packages: dict[str, str]
    samples: int
    confidence: float
    alpha: float
    tasks: dict[str, TaskInfo]
    single: dict[str, str]
    joint: list[str]
    fractions: list[AtFraction]
    version: int = field(default=VERSION)

    @property
    def full(self) -> AtFraction:
        """With the largest part of the data."""
        return self.fractions[0]

    @property
    def not_compared(self) -> str:
        """What is to be said of the tasks that have no place in the comparison, if there are any:
        they have no statistics, or the test documents give them no score."""
        compared = self.full.comparisons[self.joint[0]].tasks
        missing = {task: info.metric for task, info in self.tasks.items() if task not in compared}
        unmeasured = [task for task, metric in missing.items() if metric is None]
        undefined = [task for task in missing if task not in unmeasured]
        said = []
        if unmeasured:
            said.append(f"Not compared, for lack of per-document statistics: {_list(unmeasured)}.")
        if undefined:
            said.append(f"Not compared, as the test documents give no score: {_list(undefined)}.")
        return " ".join(said)

    @property
    def only_shares(self) -> bool:
        """Whether all scores are from 0 to 1, and higher ones better."""
        return all(info.is_share and info.higher_is_better for info in self.tasks.values())

    @property
    def needing(self) -> str:
        """What is to be said of the tasks that are not alone in their own pipeline, if any."""
        found = {task: info.with_needs for task, info in self.tasks.items() if info.with_needs}
        said = [f"{task} with {', '.join(others)}" for task, others in found.items()]
        return f"Trained alone with the tasks that they need: {'; '.join(said)}." if said else ""

    def title(self, system: str) -> str:
        """The name of a system, with the other tasks that a single one has."""
        others = [
            o for t, name in self.single.items() if name == system for o in self.tasks[t].with_needs
        ]
        return f"{system} with {', '.join(others)}" if others else system

    def save(self, folder: Path) -> Path:
        """Write `results.json`, whole or not at all. RAISES (MTLError): If that fails."""
        path = folder / FILE
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False)
        write_whole(path, f"{text}\n".encode())
        return path

    @classmethod
    def load(cls, folder: Path) -> Results:
        """Read `results.json`.

        RAISES (MTLError): If there is none, or one that is damaged.
        """
        path = folder / FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if (version := content.pop("version")) not in READ:
                raise ValueError(f"version {version}, not {' or '.join(map(str, READ))}")
            return _results(content)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise MTLError(
                f"Expected the results of `spacy mtl compare` in {path}, got: {error}. "
                "Run it with this folder as --output."
            ) from error


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _results(content: dict[str, Any]) -> Results:
    tasks = {name: TaskInfo(**task) for name, task in content.pop("tasks").items()}
    fractions = [_at_fraction(each) for each in content.pop("fractions")]
    return Results(**content, tasks=tasks, fractions=fractions)


def _at_fraction(content: dict[str, Any]) -> AtFraction:
    systems = {name: _system(system) for name, system in content.pop("systems").items()}
    comparisons = {
        name: Comparison(
            **{**each, "tasks": {task: Gain(**gain) for task, gain in each["tasks"].items()}}
        )
        for name, each in content.pop("comparisons").items()
    }
    return AtFraction(**content, systems=systems, comparisons=comparisons)


def _system(content: dict[str, Any]) -> SystemResult:
    scores = {task: Score(**score) for task, score in content.pop("scores").items()}
    return SystemResult(**content, scores=scores)
