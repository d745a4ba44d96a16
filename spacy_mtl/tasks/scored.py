"""Tasks whose head scores units: the batch's tokens, or its documents."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from spacy.training import Example
from thinc.api import NumpyOps, Ops, get_array_module
from thinc.types import ArrayXd, Floats2d

from ..models.packed import Packed
from ..models.topologies.represented import Head
from .base import Step, Task


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


class ScoredTask(Task):
    """A task whose head gives scores, (units, columns), for each token or each document.

    It says what the references have (`targets`), what scores cost (`loss`) and what they decide
    (`decode`); forward and backward are here. All scores are unnormalized.
    """

    in_ensemble = "mean"

    @abstractmethod
    def targets(self, examples: Sequence[Example], ops: Ops) -> Targets:
        """The batch's gold annotation; what is missing is masked."""

    def targets_of(self, packed: Packed, examples: Sequence[Example], ops: Ops) -> Any:
        """The same of a batch that is packed: its documents are the predicted side."""
        return self.targets(examples, ops)

    def unit_lengths(self, scores: Floats2d, packed: Packed) -> NDArray[np.integer]:
        """(n_docs,) how many rows of scores each document has: one for each token, or one."""
        n_docs, n_tokens = len(packed.docs), int(packed.lengths.sum())
        per_token = scores.shape[-2] == n_tokens
        return packed.lengths if per_token else np.ones(n_docs, dtype="int64")

    @abstractmethod
    def loss(self, scores: Floats2d, targets: Any, packed: Packed) -> tuple[float, Floats2d]:
        """The loss, summed over the labelled units, and its gradient.

        Rows of units that are not labelled are exactly zero.
        """

    @abstractmethod
    def decode(self, scores: Floats2d, packed: Packed, ops: Ops) -> Any:
        """The best valid annotation of each document, a `Decoded` where there are columns."""

    def n_labelled(self, examples: Sequence[Example]) -> int:
        return self.targets(examples, _HOST).n_units

    def learn(self, head: Head, packed: Packed, examples: Sequence[Example]) -> Step | None:
        targets = self.targets_of(packed, examples, head.ops)
        if not targets.n_units:
            return None
        scores, bp_head = head(packed, True)
        loss, d_scores = self.loss(scores, targets, packed)

        def backward(weight: float) -> Floats2d:
            weighted: Any = d_scores
            if weight != 1.0:
                weighted *= weight
            dX: Floats2d = bp_head(weighted)
            return dX

        return Step(loss, targets.n_units, backward)

    def predict(self, head: Head, packed: Packed, earlier: Mapping[str, Any]) -> Any:
        return self.decode(head.predict(packed), packed, head.ops)


_HOST = NumpyOps()
