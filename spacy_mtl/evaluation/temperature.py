"""Temperature scaling: one number per task, fitted so that its probabilities are right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import exp, log
from typing import Any, TypeGuard

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch
from thinc.api import Ops
from thinc.types import Floats2d

from ..errors import MTLError
from ..models.packed import Packed
from ..pipeline.component import MultiTask
from ..tasks.base import Task
from ..tasks.capable import Calibrated
from ..tasks.scored import ScoredTask
from .calibration import Reliability, reliability

LOWEST, HIGHEST = 0.05, 20.0
SAME_NLL = 1e-9  # nats; of confident scores it is 0 over a range of temperatures, but for noise
BATCH_SIZE = 128


@dataclass(frozen=True)
class Measured:
    """A task's probabilities beside the gold annotation, at one temperature.

    n_units: labelled units. nll: the mean negative log-likelihood of their annotation, in nats.
    reliability: of decisions, which are spans, where the units are their tokens.
    """

    temperature: float
    n_units: int
    nll: float
    reliability: Reliability


@dataclass
class LabelledScores:
    """A task's scores of documents, beside what these say about it.

    component: the name of the task's component in the pipeline. name: of the task.
    batches: scores, targets and representation, of batches with labelled units.
    """

    component: str
    name: str
    task: Calibrated
    ops: Ops
    batches: list[tuple[Floats2d, Any, Packed]] = field(default_factory=list)

    @property
    def n_units(self) -> int:
        """The number of labelled units."""
        return sum(targets.n_units for _, targets, _ in self.batches)

    def nll(self, temperature: float) -> float:
        """The mean negative log-likelihood of the labelled units in nats, with their scores
        divided by a temperature."""
        total = 0.0
        for scores, targets, packed in self.batches:
            exact: Any = scores.astype("float64")
            total += self.task.negative_log_likelihood(exact / temperature, targets, packed)
        return total / max(self.n_units, 1)

    def measure(self) -> Measured:
        """What the task's probabilities are worth at its present temperature."""
        outcomes = [(np.zeros(0), np.zeros(0, dtype=bool))]
        for scores, targets, packed in self.batches:
            decoded = self.task.decode(scores, packed, self.ops)
            outcomes.append(self.task.outcomes(decoded, targets))
        confidences, right = (np.concatenate(parts) for parts in zip(*outcomes, strict=True))
        T = self.task.temperature
        return Measured(T, self.n_units, self.nll(T), reliability(confidences, right))

    def fit(self) -> bool:
        """Give the task the temperature of the lowest `nll`, if that is better than its own.

        False if there is none, and the task keeps its own: without labelled units, or where the
        likelihood grows as long as the temperature falls, as it does if all is right.
        """
        if not self.batches:
            return False
        found = lowest(self.nll, LOWEST, HIGHEST)
        least = self.nll(found)
        if self.nll(LOWEST) <= least + SAME_NLL:
            return False
        if least < self.nll(self.task.temperature):
            self.task.temperature = found
        return True


def lowest(f: Callable[[float], float], low: float, high: float, tolerance: float = 1e-4) -> float:
    """The x between two positive bounds at which a function with one minimum is lowest, to a
    relative tolerance: golden-section search over log x."""
    a, b = log(low), log(high)
    shrink = (5**0.5 - 1) / 2
    x, y = b - shrink * (b - a), a + shrink * (b - a)
    fx, fy = f(exp(x)), f(exp(y))
    while b - a > tolerance:
        if fx < fy:
            b, y, fy = y, x, fx
            x = b - shrink * (b - a)
            fx = f(exp(x))
        else:
            a, x, fx = x, y, fy
            y = a + shrink * (b - a)
            fy = f(exp(y))
    return exp((a + b) / 2)


def can_be_calibrated(task: Task) -> TypeGuard[Calibrated]:
    """Whether its head gives scores, from which it makes probabilities by a temperature."""
    return isinstance(task, ScoredTask) and isinstance(task, Calibrated)


def labelled_scores(nlp: Language, examples: Iterable[Example]) -> list[LabelledScores]:
    """What the tasks that can be calibrated score, on the examples' tokens.

    Components before them are run. RAISES (MTLError): If there is no component multitask.
    """
    pipes = _as_far_as_needed(nlp)
    found = {
        (name, each): LabelledScores(name, each, task, pipe.model.ops)
        for name, pipe in pipes
        if isinstance(pipe, MultiTask)
        for each in pipe.active_tasks
        if each not in pipe.auxiliary
        if can_be_calibrated(task := pipe.tasks[each])
    }
    for place, batch, scores, packed in scored_batches(nlp, examples):
        if (known := found.get(place)) is not None:
            targets = known.task.targets(batch, known.ops)
            if targets.n_units:
                known.batches.append((scores, targets, packed))
    return list(found.values())


def scored_batches(
    nlp: Language, examples: Iterable[Example]
) -> Iterator[tuple[tuple[str, str], list[Example], Floats2d, Packed]]:
    """Of each batch the scores of each task whose head gives some, and the representation that they
    are of, behind the names of its component and of the task, and the examples with the documents
    that are scored. Components before are run.

    RAISES (MTLError): If there is no component multitask.
    """
    pipes = _as_far_as_needed(nlp)
    for batch in minibatch(examples, BATCH_SIZE):
        docs = [example.predicted for example in batch]
        for name, pipe in pipes:
            if isinstance(pipe, MultiTask):
                sides = zip(docs, batch, strict=True)
                scored = [Example(doc, example.reference) for doc, example in sides]
                for own, (scores, packed) in pipe.task_scores(docs).items():
                    yield (name, own), scored, scores, packed
                docs = [doc.copy() for doc in docs]  # decoding looks at what is on the scored ones
            if pipe is not pipes[-1][1]:
                docs = list(_annotated(pipe, docs))


def _as_far_as_needed(nlp: Language) -> Sequence[tuple[str, Callable[[Doc], Doc]]]:
    """The pipeline up to its last component multitask."""
    places = [i for i, (_, pipe) in enumerate(nlp.pipeline) if isinstance(pipe, MultiTask)]
    if not places:
        raise MTLError(
            "Expected a pipeline with a component 'multitask', got one with "
            f"{', '.join(nlp.pipe_names) or 'no component'}."
        )
    return nlp.pipeline[: places[-1] + 1]


def _annotated(pipe: Any, docs: list[Doc]) -> Iterator[Doc]:
    return pipe.pipe(docs) if hasattr(pipe, "pipe") else map(pipe, docs)
