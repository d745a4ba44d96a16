"""What the training log says at an evaluation."""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

from spacy.language import Language

from ...pipeline.component import MultiTask
from ...pipeline.live import multitasks
from ...pipeline.score_names import main_name

RECENT = 5  # rows whose pace tells the remaining time; batches may grow, so older ones do not


@dataclass(frozen=True)
class TaskFigures:
    """A task since the row before; None for what it had no labels for, or does not have.

    loss: mean per labelled unit, or of a component of spaCy's the sum that it reports.
    weight: mean over the batches that had it. score: the task's main score, from 0 to 1.
    best_score, best_step: the best of it so far, of equal ones the first, and when that was; None
        for a component of spaCy's.
    """

    loss: float | None
    weight: float | None
    score: float | None
    best_score: float | None = None
    best_step: int | None = None


@dataclass(frozen=True)
class Row:
    """An evaluation.

    best: no evaluation before had a higher score, so that this became `model-best`.
    other: further scores that have a place in `score_weights`; `scores` has all that there are.
    words, seconds: since training began. words_per_second: since the row before.
    seconds_left: until `max_steps`, which the run may not reach.
    losses, weights, conflict: what spaCy's loop has of the components, the mean weights and the
        measurements of those that weigh tasks, by the components' names.
    """

    epoch: int
    step: int
    best: bool
    score: float
    tasks: dict[str, TaskFigures]
    other: dict[str, float]
    losses: dict[str, float]
    weights: dict[str, dict[str, float]]
    scores: dict[str, Any]
    words: int
    seconds: float
    words_per_second: float | None
    seconds_left: float | None
    conflict: dict[str, dict[str, Any]]

    @property
    def conflict_share(self) -> float | None:
        """The share of the measured steps in which tasks were in conflict, None without any."""
        steps = sum(report["steps"] for report in self.conflict.values())
        if not steps:
            return None
        return sum(r["conflict"] * r["steps"] for r in self.conflict.values()) / steps

    def as_json(self) -> dict[str, Any]:
        """Everything but `other`, which `scores` has too; null for what is not a number."""
        fields = asdict(self)
        del fields["other"]
        return {name: _plain(value) for name, value in fields.items()}

    def stats(self) -> dict[str, float]:
        """What a tracker can record beside losses and scores, by names such as "mtl.weight.ner".

        With several components that weigh tasks, the name has the component's: "mtl.weight.x.ner".
        """
        found: dict[str, float | None] = {"words_per_second": self.words_per_second}
        found["conflict"] = self.conflict_share
        of = {n: f"{n}." if len(self.weights) > 1 else "" for n in self.weights}
        for name, weights in self.weights.items():
            found.update({f"weight.{of[name]}{task}": w for task, w in weights.items()})
        for name, report in self.conflict.items():
            for kind in ("norm", "cosine"):
                found.update({f"{kind}.{of[name]}{key}": v for key, v in report[kind].items()})
        return {f"mtl.{trackable(n)}": value for n, value in found.items() if value is not None}


class RowMaker:
    """Makes the rows of a training from what spaCy's loop says and what the components know.

    weighted: whether any component has weights of tasks. measured: whether any measures conflict.
    """

    def __init__(self, nlp: Language, clock: Callable[[], float] = perf_counter) -> None:
        training = nlp.config.interpolate()["training"]
        self._chosen = [n for n, weight in training["score_weights"].items() if weight is not None]
        self._pace = _Pace(training["max_steps"], clock)
        components = [(n, c) for n, c in nlp.pipeline if getattr(c, "is_trainable", False)]
        self._balancing: dict[str, Any] = {n: c for n, c in components if _weighs(c)}
        self._meters = {n: c.conflict for n, c in components if hasattr(c, "conflict")}
        self._sources = list(_sources(nlp, components))
        self._names = _distinct(self._sources)
        self.weighted = bool(self._balancing)
        self.measured = any(meter.every for meter in self._meters.values())

    def row(self, info: Mapping[str, Any]) -> Row:
        """The row of an evaluation; `info` is what spaCy's loop hands to a logger."""
        scores, losses = info["other_scores"], info["losses"]
        steps = [step for _, step in info["checkpoints"]]
        tasks = {
            name: source.figures(losses, scores, steps)
            for name, source in zip(self._names, self._sources, strict=True)
        }
        shown = {key for source in self._sources for key in source.shown}
        other = [key for key in self._chosen if key in scores and key not in shown]
        reports = {name: meter.report() for name, meter in self._meters.items()}
        seconds, words_per_second, seconds_left = self._pace.mark(info["step"], info["words"])
        return Row(
            epoch=info["epoch"],
            step=info["step"],
            best=info["score"] == max(checkpoint[0] for checkpoint in info["checkpoints"]),
            score=float(info["score"]),
            tasks=tasks,
            other={key: float(scores[key]) for key in other},
            losses=dict(losses),
            weights={name: dict(c.task_weights) for name, c in self._balancing.items()},
            scores=dict(scores),
            words=info["words"],
            seconds=seconds,
            words_per_second=words_per_second,
            seconds_left=seconds_left,
            conflict={name: report for name, report in reports.items() if report},
        )


def trackable(name: str) -> str:
    """The name with letters, digits, "_", "-" and "." alone, which MLflow takes."""
    return re.sub(r"[^\w.-]", "_", name)


def trackable_scores(scores: Mapping[str, Any]) -> dict[str, Any]:
    """The scores by names that MLflow takes, also those per label ("mood=good": "mood_good")."""
    return {
        trackable(str(key)): trackable_scores(value) if isinstance(value, dict) else value
        for key, value in scores.items()
    }


def _weighs(component: Any) -> bool:
    """Whether it has weights to speak of, which an encoder with a single listener has not."""
    listening = getattr(component, "listening_components", None)
    return hasattr(component, "task_weights") and (listening is None or len(listening) != 1)


@dataclass(frozen=True)
class _Source:
    """Where a task's figures are found.

    shown: the scores that they stand for. figures: from the loop's losses and scores, and the steps
    of all evaluations.
    """

    component: str
    task: str
    shown: set[str]
    figures: Callable[[Mapping[str, float], Mapping[str, Any], Sequence[int]], TaskFigures]


def _sources(nlp: Language, components: list[tuple[str, Any]]) -> Iterator[_Source]:
    """The tasks of our component; of spaCy's, those that learn something of their own."""
    encoders = [c for _, c in components if hasattr(c, "listeners")]
    own = multitasks(nlp)
    for name, component in components:
        if name in own:
            yield from (_of_task(name, own[name], task) for task in own[name].tasks)
        elif component not in encoders:  # the loss of an encoder is that of the others
            yield _of_component(nlp, name, encoders)


def _of_task(name: str, component: MultiTask, task: str) -> _Source:
    own = main_name(component.tasks[task])

    def figures(
        losses: Mapping[str, float], scores: Mapping[str, Any], steps: Sequence[int]
    ) -> TaskFigures:
        loss, weight = component.task_losses.get(task), component.task_weights.get(task)
        best = _best(component.history.at_evaluations(task), steps)
        return TaskFigures(loss, weight, scores.get(own), *best)

    return _Source(name, task, {component.tasks[task].main_score, own}, figures)


def _best(scores: Sequence[float | None], steps: Sequence[int]) -> tuple[float | None, int | None]:
    """The best score and its step. scores: at all evaluations, the last of which the steps are
    of."""
    together = zip(reversed(scores), reversed(steps), strict=False)
    measured = [(score, step) for score, step in together if score is not None]
    return max(measured, key=lambda pair: (pair[0], -pair[1]), default=(None, None))


def _of_component(nlp: Language, name: str, encoders: list[Any]) -> _Source:
    """A component of spaCy's, by the score that its factory would choose it by."""
    defaults = nlp.get_pipe_meta(name).default_score_weights or {}
    parts = {key: weight for key, weight in defaults.items() if weight}

    def figures(
        losses: Mapping[str, float], scores: Mapping[str, Any], steps: Sequence[int]
    ) -> TaskFigures:
        found = {key: weight for key, weight in parts.items() if key in scores}
        total = sum(found.values())
        score = (
            sum(weight * scores[key] for key, weight in found.items()) / total if total else None
        )
        weights = (getattr(encoder, "task_weights", {}).get(name) for encoder in encoders)
        return TaskFigures(
            losses.get(name), next((w for w in weights if w is not None), None), score
        )

    return _Source(name, name, set(parts), figures)


def _distinct(sources: list[_Source]) -> list[str]:
    """The tasks' names, behind their component's where two are the same."""
    counts = Counter(source.task for source in sources)
    return [
        source.task
        if counts[source.task] == 1 or source.task == source.component
        else f"{source.component}.{source.task}"
        for source in sources
    ]


class _Pace:
    """How fast a run goes, by its own clock: a run that was resumed begins at a later step."""

    def __init__(self, max_steps: int, clock: Callable[[], float]) -> None:
        self._max_steps = max_steps
        self._clock = clock
        self._start = clock()
        self._marks: deque[tuple[float, int, int]] = deque(maxlen=RECENT + 1)

    def mark(self, step: int, words: int) -> tuple[float, float | None, float | None]:
        """Seconds since the start, words per second since the mark before, seconds left.

        The first mark, after which there is one step and the reading of the corpus, tells neither.
        """
        now = self._clock()
        self._marks.append((now, step, words))
        if len(self._marks) < 2:
            return now - self._start, None, None
        (first, first_step, _), (before, _, words_before) = self._marks[0], self._marks[-2]
        rate = (words - words_before) / (now - before) if now > before else None
        per_step = (now - first) / (step - first_step)
        left = per_step * max(0, self._max_steps - step) if self._max_steps else None
        return now - self._start, rate, left


def _plain(value: Any) -> Any:
    """What JSON can hold of it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a number of numpy's
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
