"""A task's labels, the columns that they have, and which of them a corpus knows."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Ops, to_numpy
from thinc.types import Floats2d

from ..errors import MTLError
from ..marks import CORPUS, LABELS
from ..models.packed import Packed
from .base import Task
from .losses import divergence
from .scored import Decoded, ScoredTask


class LabelledTask(ScoredTask):
    """A task with a fixed set of labels, whose probabilities can be calibrated."""

    # What a warning says of labels that the task was not initialized with.
    fate_of_unknown = "They are neither learned nor predicted."

    def __init__(self, name: str) -> None:
        self.name = name
        self.temperature = 1.0
        self.set_labels(())

    @property
    def labels(self) -> tuple[str, ...]:
        return self._labels

    @property
    def columns(self) -> list[str]:
        return self.columns_of(self._labels)

    def columns_of(self, labels: Iterable[str]) -> list[str]:
        """The names of the head's outputs if the task had these labels."""
        return list(labels)

    def set_labels(self, labels: Iterable[str]) -> None:
        self._labels = tuple(labels)
        self._known_columns: dict[tuple[str, ...], NDArray[np.bool_]] = {}
        self._seen = _SeenDocs()
        self._warned = False

    def tempered(self, scores: Floats2d) -> Floats2d:
        """The scores as the task's probabilities are made of them."""
        tempered: Any = scores if self.temperature == 1.0 else scores / self.temperature
        return tempered

    def negative_log_likelihood(self, scores: Floats2d, targets: Any, packed: Packed) -> float:
        """See `Calibrated`; the same as the loss."""
        return self.loss(scores, targets, packed)[0]

    def distill(
        self, scores: Floats2d, taught: Floats2d, mask: Any, packed: Packed, ops: Ops
    ) -> tuple[float, Floats2d]:
        """The divergence of the probabilities of the scores from those of a teacher's, in nats,
        and its gradient.

        By default the scores are those of one distribution for each unit, or where the mask (see
        `Targets`) is of cells, of a yes for each of these. For a CRF the gradient is that of the
        divergence between distributions of paths, and the loss that of the tokens' marginals.
        """
        P, Q = (self.decode(S, packed, ops).probabilities for S in (scores, taught))
        cells = mask.ndim == 2
        return divergence(P, Q, mask if cells else mask[:, None], cells)

    def outcomes(self, decoded: Decoded, targets: Any) -> tuple[NDArray, NDArray[np.bool_]]:
        """See `Calibrated`."""
        right = decoded.labels == targets.gold
        return to_numpy(decoded.confidences[targets.mask]), to_numpy(right[targets.mask])

    @abstractmethod
    def find_labels(self, examples: Iterable[Example], others: Sequence[Task]) -> list[str]:
        """The task's labels in these examples, sorted; `others` are the component's tasks."""

    @abstractmethod
    def labels_in(self, doc: Doc) -> set[str]:
        """The task's labels in the annotation of a document, known ones and others."""

    def warn_of_unknown(self, examples: Iterable[Example]) -> None:
        """Say once that documents have labels that the task was not initialized with."""
        for doc in (example.reference for example in examples):
            if self._warned or doc in self._seen:
                continue
            self._seen.add(doc)
            if unknown := self.labels_in(doc) - set(self._labels):
                self._warned = True
                warnings.warn(
                    f"Documents have labels of the task '{self.name}' that it was not initialized "
                    f"with: {some(unknown)}. {self.fate_of_unknown} If they should be, list all "
                    "labels in "
                    f"[initialize.components.{self.component}.labels].",
                    stacklevel=2,
                )

    def known_columns(
        self, examples: Sequence[Example], per_token: bool = False
    ) -> NDArray[np.bool_] | None:
        """(n_docs or n_tokens, n_columns) what each unit's corpus knows; None where all know all.

        A corpus that is declared to know some labels knows the columns of a task with these alone.
        RAISES (MTLError): If the task has no such label.
        """
        known = self.known_in([example.reference for example in examples])
        if known is None or not per_token:
            return known
        return np.repeat(known, [len(eg.predicted) for eg in examples], 0)

    def known_in(self, references: Sequence[Doc]) -> NDArray[np.bool_] | None:
        """(n_docs, n_columns) see `known_columns`."""
        declared = [doc.user_data.get(LABELS, {}).get(self.name) for doc in references]
        if all(labels is None for labels in declared):
            return None
        known = np.stack([self._known(*pair) for pair in zip(references, declared, strict=True)])
        return None if known.all() else known

    def _known(self, reference: Doc, declared: Sequence[str] | None) -> NDArray[np.bool_]:
        key = self._labels if declared is None else tuple(declared)
        if key not in self._known_columns:
            if unknown := [label for label in key if label not in self._labels]:
                corpus = reference.user_data.get(CORPUS, "")
                raise MTLError(
                    f"Expected labels of the task '{self.name}' ({some(self._labels)}) in what "
                    f"the corpus '{corpus}' is declared to know, got {some(unknown)}. "
                    "Correct them in the corpus's `labels`."
                )
            self._known_columns[key] = np.isin(self.columns, self.columns_of(key))
        return self._known_columns[key]


class _SeenDocs(WeakSet[Doc]):
    """Documents that were looked at; a copy, as one for another process, has seen none."""

    def __reduce__(self) -> Any:
        return _SeenDocs, ()


def some(names: Iterable[str], n: int = 8) -> str:
    """The first of these names, for a message."""
    listed = sorted(names)
    return ", ".join(listed[:n]) + (", ..." if len(listed) > n else "")
