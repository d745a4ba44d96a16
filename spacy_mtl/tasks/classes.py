"""What the tasks that classify documents have in common: one group of classes of `doc.cats`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Ops, get_array_module, to_numpy
from thinc.types import ArrayXd, Floats2d

from ..errors import MTLError
from ..layers.cats import class_value
from ..marks import LABELS
from ..metrics.f_score import Counts
from ..models.packed import Packed
from ..models.shown import DOCUMENT, SIGMOID, SOFTMAX, Shows
from ..values import keys_of_values, noted_values, value_keys
from .base import Task
from .capable import value_keys_of
from .class_scores import ClassScores, cats_scores
from .confusion import Confusion
from .labels import some
from .losses import (
    binary_cross_entropy,
    partial_cross_entropy,
    sigmoid,
    softmax,
    softmax_cross_entropy,
)
from .positives import PositivesWarning
from .scored import Decoded
from .targets import CellTargets, ClassTargets, ColumnTargets
from .thresholds import ThresholdedTask


class ClassTask(ThresholdedTask):
    """Classify documents: the labels of one group in `doc.cats`; heads are subclasses' matter.

    The group's labels are those given in the config, else the keys that begin with `group` and
    "=", as in "topic=travel", else, for the only task of this kind, all keys that are no values
    (see `spacy_mtl.values`). Other keys of `doc.cats` are left alone.

    exclusive: each document has exactly one class. It is labelled by the one key that is 0.5 or
        more, and multi-label documents are labelled key by key; what is missing is masked,
        never a negative. An exclusive document of which only classes that it has not are known,
        as 0, teaches that it has one of the others, and is not scored.
    threshold: from which score on a class counts as assigned, for the scores of evaluation, if it
        has no threshold of its own, as `spacy mtl calibrate` chooses them.
    group: what the group's keys begin with, by default the task's name.
    overwrite: replace scores that are already on the Doc.
    others_negative: for a multi-label group, the classes that a document does not name do not
        apply to it if it names any. Without it they are missing.
    """

    def __init__(
        self,
        exclusive: bool = True,
        threshold: float = 0.5,
        group: str | None = None,
        overwrite: bool = True,
        others_negative: bool = False,
    ) -> None:
        if exclusive and others_negative:
            raise MTLError(
                "Expected `others_negative = true` with `exclusive = false`, got it with "
                "`exclusive = true`, where the others are negative anyway. Leave it out."
            )
        self.exclusive = exclusive
        self.threshold = self.configured_threshold = threshold
        self.group = group
        self.overwrite = overwrite
        self.others_negative = others_negative
        self._value_keys: frozenset[str] = frozenset()  # as far as data and other tasks tell
        super().__init__("textcat")

    @property
    def layers(self) -> tuple[str, ...]:
        return ("cats",)

    @property
    def assigns(self) -> tuple[str, ...]:
        return ("doc.cats",)

    @property
    def shows(self) -> Shows | None:
        return DOCUMENT, SOFTMAX if self.exclusive else SIGMOID

    def set_labels(self, labels: Iterable[str]) -> None:
        super().set_labels(labels)
        self._positives = PositivesWarning()

    def meet(self, others: Mapping[str, Task]) -> None:
        self._value_keys = value_keys_of(others.values())

    def find_labels(self, examples: Iterable[Example], others: Sequence[Task]) -> list[str]:
        docs = [example.reference for example in examples]
        by_data = keys_of_values(doc.cats for doc in docs).union(*map(noted_values, docs))
        self._value_keys = value_keys_of(others) | by_data
        own = set().union(*map(self.labels_in, docs))
        if own:
            return sorted(own)
        keys = {key for doc in docs for key in doc.cats} - self._value_keys
        if by_data and not keys:
            raise MTLError(
                f"Expected classes for the task '{self.name}' in doc.cats, got {some(by_data)} "
                "alone, which are values, as they have other numbers than 0 and 1. "
                "`spacy_mtl.Regression.v1` learns these. If they are classes, list them in "
                f"[initialize.components.{self.component}.labels.{self.name}]."
            )
        rivals = [task.name for task in others if isinstance(task, ClassTask) and task is not self]
        if keys and (rivals or self.group):
            why = f", and {', '.join(rivals)} classify documents too" if rivals else ""
            raise MTLError(
                f"Expected keys in doc.cats that begin with '{self._prefix}' for the task "
                f"'{self.name}', got {some(keys)}{why}. Rename the keys, correct the task's "
                "`group`, or list its labels in "
                f"[initialize.components.{self.component}.labels.{self.name}]."
            )
        return sorted(keys)

    def labels_in(self, doc: Doc) -> set[str]:
        """Those that its group's name tells, but for values; of other keys none is known to be
        the task's."""
        for key in doc.cats:
            if not isinstance(key, str):
                raise MTLError(f"Expected strings as keys of doc.cats, got {key!r}.")
        no_classes = (self._value_keys | value_keys(doc)).difference(self._labels)
        return {key for key in doc.cats if key.startswith(self._prefix)} - no_classes

    @property
    def scored_labels(self) -> tuple[str, ...]:
        """The labels that scores, statistics and confusion are over."""
        return self._labels

    @property
    def _prefix(self) -> str:
        return f"{self.group or self.name}="

    def targets(self, examples: Sequence[Example], ops: Ops) -> CellTargets | ColumnTargets:
        self.warn_of_unknown(examples)
        truths = np.zeros((len(examples), len(self._labels)), dtype="float32")
        mask = np.zeros(truths.shape, dtype=bool)
        place = {label: i for i, label in enumerate(self._labels)}
        for row, example in enumerate(examples):
            for key, value in example.reference.cats.items():
                if key in place:
                    truths[row, place[key]] = class_value(key, value)
                    mask[row, place[key]] = True
        known = self.known_columns(examples)
        if self.exclusive:
            one_of = self._one_of(truths)
            wrong = mask & (truths == 0)
            wrong[[self._is_of_unknown_class(example.reference) for example in examples]] = False
            return ClassTargets.of_classes(one_of, wrong, known, ops)
        if self.others_negative:
            mask |= mask.any(axis=1, keepdims=True)
        if known is not None:
            mask &= known
        self._positives.learn(truths[mask])
        return CellTargets(ops.xp.asarray(truths), ops.xp.asarray(mask), int(mask.sum()))

    def _is_of_unknown_class(self, doc: Doc) -> bool:
        """Whether the document's class is of the group, but none of the labels."""
        return any(doc.cats[label] >= 0.5 for label in self.labels_in(doc) - set(self._labels))

    def _one_of(self, truths: NDArray[np.float32]) -> NDArray[np.int64]:
        """(n_docs,) each document's one positive class, -1 if it has none among the labels."""
        positives = (truths >= 0.5).sum(axis=1)
        for row in np.flatnonzero(positives > 1):
            self._check_one(dict(zip(self._labels, truths[row].tolist(), strict=True)))
        return np.where(positives == 1, truths.argmax(axis=1), -1)

    def _check_one(self, cats: dict[str, float]) -> None:
        """RAISES (MTLError): If a document has several classes of the exclusive task."""
        several = [label for label, value in cats.items() if value >= 0.5]
        if len(several) > 1:
            raise MTLError(
                f"Expected one class of the exclusive task '{self.name}' in each document, got "
                f"{several}. Correct the document, or set `exclusive = false`."
            )

    def loss(
        self, scores: Floats2d, targets: CellTargets | ClassTargets, packed: Packed
    ) -> tuple[float, Floats2d]:
        if isinstance(targets, CellTargets):
            return binary_cross_entropy(scores, targets.truths, targets.mask)
        return self.class_loss(scores, targets)

    def class_loss(
        self, scores: Floats2d, targets: ClassTargets, smoothing: float = 0.0
    ) -> tuple[float, Floats2d]:
        """The cross-entropy of an exclusive group; smoothing: see `softmax_cross_entropy`."""
        known, possible = targets.known, targets.possible
        loss, d_scores = softmax_cross_entropy(
            scores, targets.classes, targets.mask, smoothing, known
        )
        if possible is None:
            return loss, d_scores
        rest, d_rest = partial_cross_entropy(scores, possible, possible.any(axis=1), known)
        return loss + rest, d_scores + d_rest

    def decode(self, scores: Floats2d, packed: Packed, ops: Ops) -> Decoded:
        if self.exclusive:
            return Decoded(scores.argmax(axis=1), lambda: softmax(self.tempered(scores)))
        return self.assigned(sigmoid(self.tempered(scores)))

    def assigned(self, probabilities: Any) -> Decoded:
        """The decision of a multi-label group. probabilities: (n_docs, n_labels)."""
        xp: Any = get_array_module(probabilities)
        decisions = probabilities >= self._thresholds.values(self._labels, xp)

        def confidences() -> ArrayXd:
            chosen: ArrayXd = xp.where(decisions, probabilities, 1 - probabilities)
            return chosen

        return Decoded(decisions, lambda: probabilities, confidences)

    def unit_lengths(self, scores: Floats2d, packed: Packed) -> NDArray[np.int64]:
        return np.ones(len(scores), dtype="int64")

    def values(self, decoded: Decoded) -> ArrayXd:
        """(n_docs, n_labels) what is written to `doc.cats`."""
        return decoded.probabilities

    def standing(self, docs: Sequence[Doc], decoded: Decoded) -> list[dict[str, float]]:
        """Of each document the task's part of `doc.cats`."""
        rows = to_numpy(self.values(decoded)).tolist()
        standing = [dict(zip(self._labels, row, strict=True)) for row in rows]
        if not self.overwrite:
            for doc, own in zip(docs, standing, strict=True):
                own.update((label, doc.cats[label]) for label in own.keys() & doc.cats.keys())
        return standing

    def annotate(self, docs: Sequence[Doc], decoded: Decoded) -> None:
        for doc, own in zip(docs, self.standing(docs, decoded), strict=True):
            doc.cats.update(own)

    def score(self, examples: Iterable[Example]) -> dict[str, Any]:
        examples = list(examples)
        self.warn_of_unknown(examples)
        labelled = [eg for eg in examples if self.is_scored(eg)]
        gold = [self.gold_classes(eg.reference) for eg in labelled]
        if not self.exclusive:
            self._positives.check(self.name, gold)
        known = self._labels if self.exclusive else {key for cats in gold for key in cats}
        labels = [label for label in self.scored_labels if label in known]
        scores = cats_scores(
            labelled, self.gold_classes, labels, None if self.exclusive else self._thresholds
        )
        # Of a class that is always or never there, no ranking can be right or wrong.
        areas = [area for area in scores["cats_auc_per_type"].values() if area is not None]
        scores["cats_macro_auc"] = float(np.mean(areas)) if areas else 0.0
        if not self.exclusive:
            scores["cats_score"] = scores["cats_macro_auc"]
        scores["cats_acc"] = self._scores(labelled).accuracy()
        return scores

    def statistics(self, examples: Sequence[Example]) -> Counts:
        array = np.zeros((len(examples), len(self.scored_labels), 3), dtype="int64")
        scored = [row for row, example in enumerate(examples) if self.is_scored(example)]
        array[scored] = self._scores([examples[row] for row in scored]).counts()
        return Counts(array, self.scored_labels, "macro", "macro F")

    def confusion(self, examples: Sequence[Example]) -> Confusion | None:
        """See `Confused`."""
        return self._scores([eg for eg in examples if self.is_scored(eg)]).confusion()

    def noted_outcomes(self, example: Example) -> Iterator[tuple[float, bool]]:
        """See `Confident`: of what stands in `doc.cats`."""
        return self._scores([example] if self.is_scored(example) else []).outcomes()

    def _scores(self, scored: Sequence[Example]) -> ClassScores:
        labels = self.scored_labels
        values = np.empty((2, len(scored), len(labels)))
        for row, example in enumerate(scored):
            sides = self.gold_classes(example.reference), example.predicted.cats
            values[:, row] = [[cats.get(label, np.nan) for label in labels] for cats in sides]
        gold, guess = values
        threshold = None if self.exclusive else self._thresholds.values(labels)
        return ClassScores(labels, gold, guess, threshold)

    @property
    def main_score(self) -> str:
        return "cats_score"

    def own_key(self, standard: str) -> str:
        return standard.removeprefix("cats_")

    def gold_classes(self, doc: Doc, attr: str = "cats") -> dict[str, float]:
        """The group's part of `doc.cats`, of a reference without what its corpus does not know."""
        known = doc.user_data.get(LABELS, {}).get(self.name)
        labels = self._labels if known is None else [k for k in self._labels if k in known]
        if self.others_negative and not doc.cats.keys().isdisjoint(self._labels):
            return {label: doc.cats.get(label, 0.0) for label in labels}
        return {label: doc.cats[label] for label in labels if label in doc.cats}

    def is_labelled(self, example: Example) -> bool:
        gold = self.gold_classes(example.reference)
        for key, value in gold.items():
            class_value(key, value)
        if self.exclusive:
            self._check_one(gold)
        return any(value >= 0.5 for value in gold.values()) if self.exclusive else bool(gold)

    def is_scored(self, example: Example) -> bool:
        """Whether the reference says what `targets` learns from, and there is a prediction."""
        return self.is_labelled(example) and bool(self.gold_classes(example.predicted))
