"""What a comparison found, as the file `results.json` has it. `docs/comparing.md` describes it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import MTLError
from ..files import write_whole

VERSION = 1
FILE = "results.json"
GAINS, COSTS, NONE = "gains", "costs", "no difference shown"


@dataclass(frozen=True)
class TaskInfo:
    """What is scored of a task.

    kind: the class of the task. metric: the name of its score, of which higher is better.
    coverage: by training corpus, and for "test", the documents and units with labels.
    """

    component: str
    kind: str
    writes: str
    metric: str
    labels: list[str]
    coverage: dict[str, dict[str, int]]


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

    difference: of the means. low, high: its interval. p: two-sided; p_holm: corrected for the
    number of tasks. verdict: "gains", "costs" or "no difference shown".
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

    delta_m: in per cent, with its interval. undefined: the tasks that are left out of it, as they
    score 0 alone and no gain is relative to that; if all are, it is 0.
    """

    tasks: dict[str, Gain]
    delta_m: float
    delta_m_low: float
    delta_m_high: float
    undefined: list[str] = field(default_factory=list)

    @property
    def left_out(self) -> str:
        """What is to be said behind Delta_m: the tasks that it is without, if there are any."""
        return f" without {', '.join(self.undefined)}, 0 when alone" if self.undefined else ""


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

    def save(self, folder: Path) -> Path:
        """Write `results.json`, whole or not at all. RAISES (MTLError): If that fails."""
        path = folder / FILE
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False)
        write_whole(path, f"{text}\n".encode())
        return path

    @classmethod
    def load(cls, folder: Path) -> Results:
        """Read `results.json`; raises MTLError if there is none, or one that is damaged."""
        path = folder / FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["version"] != VERSION:
                raise ValueError(f"version {content['version']}, not {VERSION}")
            return _results(content)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise MTLError(
                f"Expected the results of `spacy mtl compare` in {path}, got: {error}. "
                "Run it with this folder as --output."
            ) from error


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
