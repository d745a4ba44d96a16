"""Text classification: one group of classes of `doc.cats`."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Ops
from thinc.types import Floats2d

from ..errors import MTLError
from ..marks import LABELS
from ..models.heads import DocumentHead
from ..models.packed import Packed
from ..models.sharing import Head
from .base import Decoded, Task, host
from .labels import LabelledTask, some
from .losses import binary_cross_entropy, sigmoid, softmax, softmax_cross_entropy
from .targets import CellTargets, ColumnTargets

NGRAM_ATTRS = ("ORTH", "LOWER", "NORM")


class TextCat(LabelledTask):
    """Classify documents: the labels of one group in `doc.cats`.

    The group's labels are those given in the config, else the keys that begin with `group` and
    "=", as in "topic=travel", else, for the only task of this kind, all keys. Other keys of
    `doc.cats` are left alone.

    exclusive: each document has exactly one class. It is labelled by the one key that is 0.5 or
        more, and multi-label documents are labelled key by key; what is missing is masked,
        never a negative.
    threshold: from which score on a class counts as assigned, for the scores of evaluation.
    group: what the group's keys begin with, by default the task's name.
    ngram_size, ngram_rows, ngram_attr: of the bag of n-grams, see `DocumentHead`.
    overwrite: replace scores that are already on the Doc.
    """

    def __init__(
        self,
        exclusive: bool = True,
        threshold: float = 0.5,
        group: str | None = None,
        ngram_size: int = 1,
        ngram_rows: int = 65536,
        ngram_attr: str = "ORTH",
        overwrite: bool = True,
    ) -> None:
        if not 0.0 <= threshold <= 1.0:
            raise MTLError(f"Expected `threshold` between 0 and 1, got {threshold}.")
        if ngram_size < 1 or ngram_rows < 1:
            raise MTLError(
                "Expected `ngram_size` and `ngram_rows` of at least 1, "
                f"got {ngram_size} and {ngram_rows}."
            )
        if ngram_attr not in NGRAM_ATTRS:
            raise MTLError(f"Expected `ngram_attr` to be in {NGRAM_ATTRS}, got {ngram_attr!r}.")
        self.exclusive = exclusive
        self.threshold = threshold
        self.group = group
        self.ngram_size = ngram_size
        self.ngram_rows = ngram_rows
        self.ngram_attr = ngram_attr
        self.overwrite = overwrite
        super().__init__("textcat")

    @property
    def writes(self) -> str:
        return "doc.cats"

    def find_labels(self, examples: Iterable[Example], others: Sequence[Task]) -> list[str]:
        keys = {key for example in examples for key in example.reference.cats}
        prefix = f"{self.group or self.name}="
        own = sorted(key for key in keys if key.startswith(prefix))
        if own:
            return own
        rivals = [task.name for task in others if isinstance(task, TextCat) and task is not self]
        if keys and (rivals or self.group):
            why = f", and {', '.join(rivals)} classify documents too" if rivals else ""
            raise MTLError(
                f"Expected keys in doc.cats that begin with '{prefix}' for the task "
                f"'{self.name}', got {some(keys)}{why}. Rename the keys, correct the task's "
                "`group`, or list its labels in "
                f"[initialize.components.multitask.labels.{self.name}]."
            )
        return sorted(keys)

    def make_head(self) -> Head:
        return DocumentHead(self.ngram_size, self.ngram_rows, self.ngram_attr)

    def targets(self, examples: Sequence[Example], ops: Ops) -> CellTargets | ColumnTargets:
        truths = np.zeros((len(examples), len(self._labels)), dtype="float32")
        mask = np.zeros(truths.shape, dtype=bool)
        place = {label: i for i, label in enumerate(self._labels)}
        for row, example in enumerate(examples):
            for key, value in example.reference.cats.items():
                if key in place:
                    truths[row, place[key]] = value
                    mask[row, place[key]] = True
        known = self.known_columns(examples)
        if self.exclusive:
            return ColumnTargets.of(self._one_of(truths), known, ops)
        if known is not None:
            mask &= known
        return CellTargets(ops.xp.asarray(truths), ops.xp.asarray(mask), int(mask.sum()))

    def _one_of(self, truths: NDArray[np.float32]) -> NDArray[np.int64]:
        """(n_docs,) each document's one positive class, -1 if it has none among the labels."""
        positives = (truths >= 0.5).sum(axis=1)
        if (positives > 1).any():
            row = int(np.flatnonzero(positives > 1)[0])
            several = [
                label for label, t in zip(self._labels, truths[row], strict=True) if t >= 0.5
            ]
            raise MTLError(
                f"Expected one class of the exclusive task '{self.name}' in each document, got "
                f"{several}. Correct the document, or set `exclusive = false`."
            )
        return np.where(positives == 1, truths.argmax(axis=1), -1)

    def loss(
        self, scores: Floats2d, targets: CellTargets | ColumnTargets, packed: Packed
    ) -> tuple[float, Floats2d]:
        if isinstance(targets, CellTargets):
            return binary_cross_entropy(scores, targets.truths, targets.mask)
        return softmax_cross_entropy(scores, targets.classes, targets.mask, known=targets.known)

    def decode(self, scores: Floats2d, packed: Packed, ops: Ops) -> Decoded:
        if self.exclusive:
            return Decoded(scores.argmax(axis=1), lambda: softmax(scores))
        probabilities = sigmoid(scores)
        return Decoded(probabilities >= self.threshold, lambda: probabilities)

    def annotate(self, docs: Sequence[Doc], decoded: Decoded) -> None:
        rows = host(decoded.probabilities).tolist()
        for doc, row in zip(docs, rows, strict=True):
            new = dict(zip(self._labels, row, strict=True))
            if not self.overwrite:
                new.update((label, doc.cats[label]) for label in self._labels if label in doc.cats)
            doc.cats.update(new)

    def score(self, examples: Iterable[Example]) -> dict[str, Any]:
        labelled = [eg for eg in examples if self._is_scored(eg)]
        gold = [self._own_cats(eg.reference, "cats") for eg in labelled]
        known = self._labels if self.exclusive else {key for cats in gold for key in cats}
        scores: dict[str, Any] = Scorer.score_cats(
            labelled,
            "cats",
            getter=self._own_cats,
            labels=[label for label in self._labels if label in known],
            multi_label=not self.exclusive,
            threshold=0.0 if self.exclusive else self.threshold,
        )
        # Of a class that is always or never there, no ranking can be right or wrong.
        areas = [area for area in scores["cats_auc_per_type"].values() if area is not None]
        scores["cats_macro_auc"] = float(np.mean(areas)) if areas else 0.0
        if not self.exclusive:
            scores["cats_score"] = scores["cats_macro_auc"]
        right = [self._is_right(eg) for eg in labelled]
        scores["cats_acc"] = sum(right) / max(len(right), 1)
        return scores

    @property
    def main_score(self) -> str:
        return "cats_score"

    def own_key(self, standard: str) -> str:
        return standard.removeprefix("cats_")

    def _own_cats(self, doc: Doc, attr: str) -> dict[str, float]:
        """The group's part of `doc.cats`, of a reference without what its corpus does not know."""
        known = doc.user_data.get(LABELS, {}).get(self.name)
        labels = self._labels if known is None else [k for k in self._labels if k in known]
        return {label: doc.cats[label] for label in labels if label in doc.cats}

    def _is_scored(self, example: Example) -> bool:
        """Whether the reference says what `targets` learns from, and there is a prediction."""
        gold = self._own_cats(example.reference, "cats")
        said = any(value >= 0.5 for value in gold.values()) if self.exclusive else bool(gold)
        return said and bool(self._own_cats(example.predicted, "cats"))

    def _is_right(self, example: Example) -> bool:
        """Whether the best class, or every annotated class of a multi-label task, is right."""
        gold, guess = self._own_cats(example.reference, "cats"), example.predicted.cats
        if self.exclusive:
            best = max(self._labels, key=lambda label: guess.get(label, 0.0))
            return bool(gold.get(best, 0.0) >= 0.5)
        return all(
            (gold[label] >= 0.5) == (guess.get(label, 0.0) >= self.threshold) for label in gold
        )
