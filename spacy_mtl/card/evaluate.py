"""Each task of a pipeline on test documents, with an interval."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.training import Example
from tqdm import tqdm

from ..comparison.bootstrap import Estimate, estimate, resample
from ..comparison.compare import CONFIDENCE, SAMPLES
from ..comparison.survey import TaskCoverage, TaskSurvey, covered, test_examples
from ..errors import MTLError
from ..metrics.base import Statistics, directed
from ..metrics.f_score import UNSEEN, Counts
from ..pipeline.live import multitasks, tasks_by_name
from ..tasks.base import Task
from ..tasks.capable import Measurable

TEST = "test"


@dataclass(frozen=True)
class TaskEvaluation:
    """What a task does on the test documents.

    name: that of the task, behind its component's where several have a task of this name.
    coverage: what the test documents say about it. labelled: whether there is anything to score.
    statistics: of each document; None for a task that has none.
    score: with its interval over documents; None if nothing is labelled, or the statistics do not
        give one.
    scores: all that the component's `score` gives for it, by its own names ("f", "macro_auc"),
        each None where nothing is labelled.
    """

    name: str
    component: str
    task: Task
    coverage: TaskCoverage
    labelled: bool
    statistics: Statistics | None
    score: Estimate | None
    scores: dict[str, Any]

    @property
    def metric(self) -> str:
        """The name of the score, "" if there is none."""
        return self.statistics.metric if self.statistics else ""

    @property
    def directed_metric(self) -> str:
        """The metric for tables, with its direction if that is not the usual one."""
        return directed(self.metric, self.higher_is_better)

    @property
    def higher_is_better(self) -> bool:
        """Of the score."""
        return self.statistics is None or self.statistics.higher_is_better

    @property
    def is_share(self) -> bool:
        """Whether the score is from 0 to 1, and shown in per cent."""
        return self.statistics is None or self.statistics.is_share

    @property
    def why_no_score(self) -> str:
        """In words, why `score` is None."""
        if not self.labelled:
            return "nothing labelled"
        return "not defined" if self.statistics else "no per-document statistics"

    @cached_property
    def per_label(self) -> dict[str, dict[str, float]]:
        """See `Counts.per_label`; labels that the task does not know are left out. Empty for a
        task whose score is not one of labels."""
        return {label: of for label, of in self._all_labels.items() if label != UNSEEN}

    @property
    def unseen(self) -> int:
        """Gold units, which are tokens or spans, with labels that the task does not know."""
        return int(self._all_labels.get(UNSEEN, {}).get("gold", 0))

    @cached_property
    def _all_labels(self) -> dict[str, dict[str, float]]:
        return self.statistics.per_label() if isinstance(self.statistics, Counts) else {}

    @property
    def figures(self) -> dict[str, float]:
        """The score and the ends of its interval, shares from 0 to 1, as `meta.json` names them.

        The names end in what none of training's does, so that the dev scores stay beside them.
        """
        if self.score is None:
            return {}
        key = f"{self.name}_{re.sub('[^a-z0-9]+', '_', self.metric.lower())}_{TEST}"
        return {
            key: self.score.value,
            f"{key}_low": self.score.low,
            f"{key}_high": self.score.high,
        }

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON takes it, shares from 0 to 1."""
        found = self.score
        return {
            "component": self.component,
            "writes": self.task.writes,
            "documents": self.coverage.docs,
            "units": self.coverage.units,
            "unseen": self.unseen,
            "metric": self.metric or None,
            "higher_is_better": self.higher_is_better,
            "score": found and found.value,
            "low": found and found.low,
            "high": found and found.high,
            "labels": self.per_label,
            "scores": self.scores,
        }


@dataclass(frozen=True)
class Evaluation:
    """A pipeline on test documents.

    samples: of the bootstrap. confidence: of the intervals.
    """

    path: Path
    docs: int
    tokens: int
    tasks: list[TaskEvaluation]
    samples: int
    confidence: float = CONFIDENCE

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON takes it, shares from 0 to 1 and None where nothing is labelled."""
        return {
            "data": str(self.path),
            "documents": self.docs,
            "tokens": self.tokens,
            "samples": self.samples,
            "confidence": self.confidence,
            "tasks": {each.name: each.to_dict() for each in self.tasks},
        }


def evaluate(nlp: Language, test: Path, samples: int = SAMPLES) -> Evaluation:
    """Score every task on the tokens of a `.spacy` file, or of a folder of them.

    The intervals come from a bootstrap over documents, with one seed; how a training with another
    seed would have ended is not in them.
    RAISES (MTLError): If the pipeline has no task, or the documents say nothing about any.
    """
    tasks = evaluated_tasks(nlp)
    examples = list(test_examples(test, nlp))
    labelled = {name: any(map(task.is_labelled, examples)) for name, (_, task) in tasks.items()}
    if not any(labelled.values()):
        raise MTLError(
            f"Expected in {test} annotation of the tasks {', '.join(tasks)}, got none in "
            f"{len(examples)} documents. Name labelled test data."
        )
    coverage = covered(TaskSurvey(nlp, tasks), examples)
    _annotate(nlp, examples)
    by_component = {name: pipe.score(examples) for name, pipe in multitasks(nlp).items()}
    tested = []
    for name, (component, task) in tasks.items():
        statistics = task.statistics(examples) if isinstance(task, Measurable) else None
        score = _estimate(statistics, samples) if labelled[name] else None
        others = [other.name for _, other in tasks.values() if other is not task]
        scores = _own_scores(task.name, others, by_component[component])
        about = coverage[name], labelled[name]
        tested.append(TaskEvaluation(name, component, task, *about, statistics, score, scores))
    tokens = sum(len(example.reference) for example in examples)
    return Evaluation(test, len(examples), tokens, tested, samples)


def evaluated_tasks(nlp: Language) -> dict[str, tuple[str, Task]]:
    """Each task with its component, see `tasks_by_name`.

    RAISES (MTLError): If there is none.
    """
    found = tasks_by_name(multitasks(nlp))
    if not found:
        raise MTLError(
            "Expected a pipeline with tasks in components with the factory 'multitask', got one "
            f"with {', '.join(nlp.pipe_names) or 'no component'}."
        )
    return found


def _own_scores(task: str, others: Sequence[str], scores: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a component's scores whose names begin with the task's, by what follows it."""
    longer = tuple(f"{other}_" for other in others if other.startswith(f"{task}_"))
    return {
        key.removeprefix(f"{task}_"): value
        for key, value in scores.items()
        if key.startswith(f"{task}_") and not (longer and key.startswith(longer))
    }


def _annotate(nlp: Language, examples: list[Example]) -> None:
    docs = nlp.pipe([example.predicted for example in examples])
    bar = tqdm(docs, total=len(examples), desc="Annotating", disable=None)
    for example, doc in zip(examples, bar, strict=True):
        example.predicted = doc


def _estimate(statistics: Statistics | None, samples: int) -> Estimate | None:
    if statistics is None or not math.isfinite(statistics.score()):
        return None
    resampled = resample({TEST: [statistics]}, samples)[TEST]
    return estimate(resampled.mean, resampled.samples, CONFIDENCE)
