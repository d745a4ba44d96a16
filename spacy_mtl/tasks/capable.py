"""What a task may be able to do beyond being learned; commands ask for it with `isinstance`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from spacy.training import Example
from thinc.api import Ops
from thinc.types import ArrayXd, Floats2d

from ..metrics.base import Statistics
from ..models.packed import Packed
from ..models.topologies.represented import Head
from .base import Task
from .confusion import Confusion
from .scored import Targets
from .span_scores import Sides


@runtime_checkable
class Labelled(Protocol):
    """It has a fixed set of labels, for which its head has columns."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels as the annotation has them, in a fixed order."""

    @property
    def columns(self) -> list[str]:
        """The names of the head's outputs for the present labels."""

    def find_labels(self, examples: Iterable[Example], others: Sequence[Task]) -> list[str]:
        """The task's labels in these examples, sorted; `others` are the component's tasks."""

    def set_labels(self, labels: Iterable[str]) -> None:
        """Replace the labels."""


def labels_of(task: Task) -> tuple[str, ...]:
    """The task's labels, none if it is not `Labelled`."""
    return task.labels if isinstance(task, Labelled) else ()


@runtime_checkable
class Valued(Protocol):
    """It takes keys of `doc.cats` as numbers."""

    @property
    def value_keys(self) -> tuple[str, ...]:
        """These keys, which are no classes of the component's other tasks."""


def value_keys_of(tasks: Iterable[Task]) -> frozenset[str]:
    """The keys of `doc.cats` that any of these tasks takes as numbers."""
    return frozenset(k for task in tasks if isinstance(task, Valued) for k in task.value_keys)


@runtime_checkable
class Scaled(Protocol):
    """Its scores are in a unit that it has taken from the training data."""

    def share_unit(self, tasks: Sequence[Any], heads: Sequence[Head]) -> None:
        """Take one unit for the scores of several trained tasks of this kind, and bring their
        heads to it."""


@runtime_checkable
class Measurable(Protocol):
    """Its score is known for any sample of documents, so that it has an interval, and is compared
    by `spacy mtl compare`."""

    def statistics(self, examples: Sequence[Example]) -> Statistics:
        """Of a kind in `spacy_mtl.metrics`, over the labelled units of each document; also of no
        documents at all.

        RAISES (MTLError): If the sides of an example have other tokens.
        """


@runtime_checkable
class Calibrated(Protocol):
    """Its probabilities can be fitted to how often it is right, by a temperature.

    temperature: what scores are divided by before they become probabilities (Guo et al. 2017).
        The best annotation is that of the scores, whatever the temperature.
    """

    temperature: float

    def targets(self, examples: Sequence[Example], ops: Ops) -> Targets:
        """See `ScoredTask`."""

    def decode(self, scores: Floats2d, packed: Packed, ops: Ops) -> Any:
        """See `ScoredTask`."""

    def negative_log_likelihood(self, scores: Floats2d, targets: Any, packed: Packed) -> float:
        """Of the labelled units' gold annotation in nats, summed; the temperature is fitted by
        it."""

    def outcomes(self, decoded: Any, targets: Any) -> tuple[NDArray, NDArray[np.bool_]]:
        """The confidence of each decision about labelled units, and whether it is right."""


@runtime_checkable
class Thresholded(Protocol):
    """It decides by a threshold, which can be tried out on a trained pipeline.

    threshold: from 0 to 1; setting it raises MTLError for anything else. It stands in the `cfg` of
        the component, where `spacy find-threshold` sets it.
    """

    threshold: float

    @property
    def depends_on_temperature(self) -> bool:
        """Whether another temperature changes what reaches the threshold."""


@runtime_checkable
class ThresholdedByLabel(Thresholded, Protocol):
    """Its labels can have thresholds of their own.

    threshold: of all labels that have none; setting it sets those of the labels aside.
    label_thresholds: the threshold of each label, none where it does not decide about each label
        by itself. Setting those of some labels leaves `threshold` to all others. They are part of
        the task's state. Of a task that is `Calibrated` they are chosen by what `decode` gives
        as probabilities, (n_units, n_labels), and by `gold` and `mask` of its targets.
    """

    label_thresholds: Mapping[str, float]


@runtime_checkable
class Refusing(Protocol):
    """It can leave documents without a decision: those of which it is most unsure.

    refuse_above: the doubt above which a document is refused; infinite, as before `initialize`,
        for none. Setting it raises MTLError for anything that is no number from 0 on. It is part
        of the task's state.
    """

    refuse_above: float

    @property
    def can_refuse(self) -> bool:
        """Whether its settings allow to refuse documents."""

    def doubt(self, scores: Floats2d) -> ArrayXd:
        """(n_docs,) how unsure it is of each document, from its scores."""

    def has_class(self, example: Example) -> bool | None:
        """Whether the reference has what the task decides for, or has nothing of it, so that it
        should be refused; None if it does not say."""


@runtime_checkable
class Confident(Protocol):
    """The predicted documents say how sure it was."""

    def noted_outcomes(self, example: Example) -> Iterator[tuple[float, bool]]:
        """Of each decision about what is labelled: how sure it was, and whether it is right.

        Nothing where that was not noted, as by a component whose `confidences` are off.
        """


@runtime_checkable
class Confused(Protocol):
    """Its labels can be taken for one another."""

    def confusion(self, examples: Sequence[Example]) -> Confusion | None:
        """Of all that is labelled; None where a unit can have several labels."""


@runtime_checkable
class Located(Protocol):
    """It finds labelled spans of tokens."""

    def scored_spans(self, example: Example) -> Sides:
        """Spans of the reference, and those predicted where it says what there is: each a label,
        its first token, and the token after its last."""
