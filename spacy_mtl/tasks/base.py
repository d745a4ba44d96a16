"""What a task is: the contract between the component and an annotation layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Ops, get_array_module
from thinc.types import ArrayXd, Floats2d

from ..models.packed import Packed
from ..models.sharing import Head
from .counts import Counts


class Targets(Protocol):
    """What a batch says about one task, as arrays on the model's device.

    mask: which units (tokens, documents, or a document's classes) are labelled.
    gold: of the same shape, what is right for a unit that is labelled, as `Decoded.labels` has it.
    n_units: how many, 0 if the batch says nothing about the task.
    """

    @property
    def mask(self) -> ArrayXd: ...

    @property
    def gold(self) -> ArrayXd: ...

    @property
    def n_units(self) -> int: ...


@dataclass(frozen=True)
class Decoded:
    """A task's decision for a batch.

    labels: column indices, (n_tokens,) or (n_docs,), or decisions (n_docs, n_labels) of 0 and 1.
    get_probabilities: computes `probabilities`, which not every use needs.
    get_confidences: computes `confidences` where a decision is not one column of one unit.
    """

    labels: ArrayXd
    get_probabilities: Callable[[], ArrayXd]
    get_confidences: Callable[[], ArrayXd] | None = None

    @cached_property
    def probabilities(self) -> ArrayXd:
        """(units, n_columns) the probability of each column for each unit."""
        return self.get_probabilities()

    @cached_property
    def confidences(self) -> ArrayXd:
        """The probability of each decision: of each unit's column, of each of (n_docs, n_labels)
        being as decided, or of each span, NaN for one that was there before."""
        if self.get_confidences is not None:
            return self.get_confidences()
        xp: Any = get_array_module(self.labels)
        P: Any = self.probabilities
        confidences: ArrayXd = P[xp.arange(len(P)), self.labels]
        return confidences


class Task(Protocol):
    """An annotation layer that the component learns: from Docs to arrays and back.

    A task is made by a function in the registry `mtl_tasks` and gets its name, the key of its
    config block, from the component. All arrays are (units, columns), where units are the
    batch's tokens or documents and `columns` are the head's outputs.

    temperature: what scores are divided by before they become probabilities (Guo et al. 2017).
        The best annotation is that of the scores, whatever the temperature.
    """

    name: str
    temperature: float

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels as the annotation has them, in a fixed order."""

    @property
    def writes(self) -> str:
        """The Doc attribute it sets: "token.tag", "doc.ents", 'doc.spans["x"]', "doc.cats"."""

    @property
    def columns(self) -> list[str]:
        """The names of the head's outputs for the present labels."""

    def find_labels(self, examples: Iterable[Example], others: Sequence[Task]) -> list[str]:
        """The task's labels in these examples, sorted; `others` are the component's tasks."""

    def set_labels(self, labels: Iterable[str]) -> None:
        """Replace the labels."""

    def make_head(self) -> Head:
        """The head, without its number of outputs, which `columns` gives once labels are known."""

    def targets(self, examples: Sequence[Example], ops: Ops) -> Targets:
        """The batch's gold annotation; what is missing is masked.

        Columns that an example's corpus does not know (`LabelledTask.known_columns`) take no part
        in its loss, and units whose gold column it does not know are masked.
        """

    def loss(self, scores: Floats2d, targets: Any, packed: Packed) -> tuple[float, Floats2d]:
        """The loss in nats, summed over the labelled units, and its gradient.

        Rows of units that are not labelled are exactly zero.
        """

    def decode(self, scores: Floats2d, packed: Packed, ops: Ops) -> Decoded:
        """The best valid annotation of each document."""

    def annotate(self, docs: Sequence[Doc], decoded: Decoded) -> None:
        """Write the decision to the documents."""

    def note_confidences(self, docs: Sequence[Doc], decoded: Decoded) -> None:
        """Note how sure it is of what `annotate`, which is called next, is going to write."""

    def negative_log_likelihood(self, scores: Floats2d, targets: Any, packed: Packed) -> float:
        """Of the labelled units' gold annotation in nats, summed; a temperature is fitted by it."""

    def outcomes(self, decoded: Decoded, targets: Any) -> tuple[NDArray, NDArray[np.bool_]]:
        """The confidence of each decision about labelled units, and whether it is right."""

    def is_labelled(self, example: Example) -> bool:
        """Whether the reference labels any unit, so that there is something to score."""

    def score(self, examples: Iterable[Example]) -> dict[str, Any]:
        """Metrics over the labelled units, under the standard names of spaCy's scorer.

        The component shows None for those of which `is_labelled` says that there are none.
        """

    def counts(self, examples: Sequence[Example]) -> Counts:
        """What is right and wrong in each document, over the labelled units.

        RAISES (MTLError): If the sides of an example have other tokens.
        """

    @property
    def main_score(self) -> str:
        """The one metric of `score` that stands for the task."""

    def own_key(self, standard: str) -> str:
        """The name of a metric without its standard prefix, to be put behind the task's name."""


def host(array: ArrayXd) -> Any:
    """The array as a numpy array."""
    return array.get() if hasattr(array, "get") else array
