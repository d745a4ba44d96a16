"""A group of classes whose labels can be a tree."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Ops, get_array_module
from thinc.types import Floats2d

from ..errors import MTLError
from ..layers.cats import class_value
from ..models.packed import Packed
from ..models.shown import Shows
from .base import Task
from .class_scores import ClassScores
from .classes import ClassTask
from .hierarchy import Hierarchy, with_parents
from .hierarchy_losses import (
    log_probabilities,
    node_cross_entropy,
    path_cross_entropy,
    probabilities,
    tree_divergence,
)
from .labels import some
from .scored import Decoded
from .targets import CellTargets, ColumnTargets
from .thresholds import Thresholds


@dataclass(frozen=True)
class PathTargets(ColumnTargets):
    """The leaf of each document, or what is left of the leaves; masked where it is not known.

    known: see `Hierarchy.choices`. left: (n_docs, n_columns) bool, the leaves that it may have;
        all where it says nothing.
    """

    left: Any = None

    @property
    def says(self) -> Any:
        return self.mask if self.left is None else self.mask | ~self.left.all(axis=1)


class HierarchicalTask(ClassTask):
    """Classes of one group that are a tree if `hierarchy` is the separator of its levels.

    tree: of the labels; None without levels.
    """

    hierarchy: str = ""
    tree: Hierarchy | None = None

    @property
    def shows(self) -> Shows | None:
        """Nothing with a hierarchy: the probability of a label is a product over the levels."""
        return None if self.hierarchy else super().shows

    @property
    def depends_on_temperature(self) -> bool:
        """See `Thresholded`: the probability of a label is a product over the levels."""
        in_levels = self.tree is not None and not self.exclusive
        return in_levels or super().depends_on_temperature

    def consistent(self, thresholds: Thresholds) -> Mapping[str, float]:
        """With a hierarchy, no label has a higher threshold than one below it: as it is never
        less probable, none is assigned without those above it."""
        if self.tree is None or not thresholds.own:
            return thresholds.own
        values = np.asarray([*thresholds.of(self.labels).values()])
        lowest = np.where(self.tree.paths, values[:, None], np.inf).min(axis=0).tolist()
        own = zip(self.labels, lowest, strict=True)
        return {label: value for label, value in own if value != thresholds.common}

    def columns_of(self, labels: Iterable[str]) -> list[str]:
        return with_parents(labels, self.hierarchy, self._prefix) if self.hierarchy else [*labels]

    def set_labels(self, labels: Iterable[str]) -> None:
        """Replace the labels; with a hierarchy, missing parents are added behind them."""
        self.tree = Hierarchy(labels, self.hierarchy, self._prefix) if self.hierarchy else None
        super().set_labels(labels if self.tree is None else self.tree.labels)
        if self.tree is not None:
            self.fate_of_unknown = (
                "They count as the nearest label above them, and are not predicted themselves."
            )
        self.score_of_nothing = 0.0 if self.tree is None else None  # no leaf may be labelled

    def find_labels(self, examples: Iterable[Example], others: Sequence[Task]) -> list[str]:
        found = super().find_labels(examples, others)
        if not self.hierarchy:
            return found
        labels = sorted(self.columns_of(found))
        if labels and Hierarchy(labels, self.hierarchy, self._prefix).is_flat:
            warnings.warn(
                f"No label of the task '{self.name}' is below another one: `hierarchy = "
                f'"{self.hierarchy}"` separates nothing in {some(labels)}. Correct it, or leave it '
                "out.",
                stacklevel=2,
            )
        return labels

    @property
    def scored_labels(self) -> tuple[str, ...]:
        return super().scored_labels if self.tree is None else self.tree.leaves

    def targets(self, examples: Sequence[Example], ops: Ops) -> CellTargets | ColumnTargets:
        if self.tree is None:
            return super().targets(examples, ops)
        self.warn_of_unknown(examples)
        gold = self._gold([example.reference for example in examples])
        if not self.exclusive:
            mask = ~np.isnan(gold)
            self._positives.learn(gold[mask])
            truths = np.nan_to_num(gold)
            return CellTargets(ops.xp.asarray(truths), ops.xp.asarray(mask), int(mask.sum()))
        known = self.known_columns(examples)
        reachable = True if known is None else self.tree.reachable(known)
        excluded = (gold == 0) & self.tree.is_leaf & reachable
        leaf = (gold == 1) & self.tree.is_leaf
        says = (gold == 1).any(axis=1) | excluded.any(axis=1)
        return PathTargets(
            ops.xp.asarray(leaf.argmax(axis=1)),
            ops.xp.asarray(leaf.any(axis=1)),
            int(says.sum()),
            None if known is None else ops.xp.asarray(self.tree.choices(known)),
            ops.xp.asarray(~excluded),
        )

    def _gold(self, docs: Sequence[Doc]) -> NDArray[np.float32]:
        """(n_docs, n_labels) what references say of each label: 1, 0, or NaN where they do not.

        RAISES (MTLError): If a document of an exclusive group has labels on several paths.
        """
        assert self.tree is not None
        applies, denied, is_known = self._statements(docs)
        known = self.known_in(docs)
        if known is not None:
            applies, denied = applies & known, denied & known
        if self.exclusive:
            for row in np.flatnonzero(~self.tree.is_path(applies)):
                several = [self._labels[i] for i in np.flatnonzero(applies[row])]
                raise MTLError(
                    f"Expected one class of the exclusive task '{self.name}' in each document, "
                    f"and labels above it, got {several}. Correct the document, or set "
                    "`exclusive = false`."
                )
            # Its leaf may be one that the task does not know.
            return self.tree.one_of(applies, denied & is_known[:, None], known)
        if self.others_negative:
            named = applies | denied
            denied |= ~named & self.tree.among_siblings(self.tree.upwards(named))
        gold = self.tree.any_of(applies, denied)
        if known is not None:
            gold[~known] = np.nan
        return gold

    def _statements(self, docs: Sequence[Doc]) -> tuple[Any, Any, NDArray[np.bool_]]:
        """(n_docs, n_labels) what applies and what does not, as the documents name it, and
        (n_docs,) whether all is known that applies. A label that is not known says that the
        nearest one above it applies."""
        assert self.tree is not None
        shape = (len(docs), len(self._labels))
        applies, denied = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        is_known = np.ones(len(docs), dtype=bool)
        for row, doc in enumerate(docs):
            unknown = self.labels_in(doc) - self.tree.place.keys()
            for key in {*unknown, *(doc.cats.keys() & self.tree.place.keys())}:
                says = applies if class_value(key, doc.cats[key]) >= 0.5 else denied
                if key in self.tree.place:
                    says[row, self.tree.place[key]] = True
                elif says is applies:
                    is_known[row] = False
                    if (nearest := self.tree.nearest(key)) is not None:
                        applies[row, nearest] = True
        return applies, denied, is_known

    def loss(self, scores: Floats2d, targets: Any, packed: Packed) -> tuple[float, Floats2d]:
        if self.tree is not None and isinstance(targets, CellTargets):
            return node_cross_entropy(self.tree, scores, targets.truths, targets.mask)
        return super().loss(scores, targets, packed)

    def class_loss(
        self, scores: Floats2d, targets: Any, smoothing: float = 0.0
    ) -> tuple[float, Floats2d]:
        if self.tree is not None:
            return path_cross_entropy(self.tree, scores, targets.left, targets.known, smoothing)
        return super().class_loss(scores, targets, smoothing)

    def decode(self, scores: Floats2d, packed: Packed, ops: Ops) -> Decoded:
        """With a hierarchy the most probable leaf of each document, or all labels whose
        probability reaches the threshold: no label without those above it."""
        if self.tree is None:
            return super().decode(scores, packed, ops)
        if not self.exclusive:
            return self.assigned(probabilities(self.tree, self.tempered(scores)))
        xp: Any = get_array_module(scores)
        found: Any = log_probabilities(self.tree, self.tempered(scores))
        leaves = xp.where(xp.asarray(self.tree.is_leaf), found, -xp.inf)
        return Decoded(leaves.argmax(axis=1), lambda: xp.exp(found))

    def distill(
        self, scores: Floats2d, taught: Floats2d, mask: Any, packed: Packed, ops: Ops
    ) -> tuple[float, Floats2d]:
        """See `LabelledTask`; with a hierarchy that of all labels together."""
        if self.tree is None:
            return super().distill(scores, taught, mask, packed, ops)
        return tree_divergence(self.tree, scores, taught, mask, self.exclusive)

    def gold_classes(self, doc: Doc, attr: str = "cats") -> dict[str, float]:
        """With a hierarchy those of the leaves, also what follows from other levels."""
        if self.tree is None:
            return super().gold_classes(doc, attr)
        leaves = {label: doc.cats[label] for label in self.tree.leaves if label in doc.cats}
        if len(leaves) == len(self.tree.leaves) and self.known_in([doc]) is None:
            return leaves
        gold = dict(zip(self._labels, self._gold([doc])[0].tolist(), strict=True))
        said = (label for label in self.tree.leaves if not isnan(gold[label]))
        return {label: leaves.get(label, gold[label]) for label in said}

    def is_labelled(self, example: Example) -> bool:
        """With a hierarchy on any level."""
        if self.tree is None:
            return super().is_labelled(example)
        gold = self._gold([example.reference])
        return bool((gold == 1).any() if self.exclusive else not np.isnan(gold).all())

    def is_scored(self, example: Example) -> bool:
        """With a hierarchy by its leaf; the scores of each level are beside these."""
        if self.tree is None:
            return super().is_scored(example)
        return super().is_labelled(example) and self._is_predicted(example)

    def _is_predicted(self, example: Example) -> bool:
        return not example.predicted.cats.keys().isdisjoint(self._labels)

    def score(self, examples: Iterable[Example]) -> dict[str, Any]:
        """With a hierarchy of the leaves, and for each level "cats_acc_level_1" and
        "cats_macro_f_level_1", of the documents whose reference has a label of that level."""
        examples = list(examples)
        scores = super().score(examples)
        if self.tree is not None:
            if not any(map(super().is_labelled, examples)):  # no leaf
                scores = {key: None for key in scores if "_per_" not in key}
            predicted = [example for example in examples if self._is_predicted(example)]
            for level, found in enumerate(self._by_level(predicted), start=1):
                scores[f"cats_acc_level_{level}"] = found.accuracy()
                scores[f"cats_macro_f_level_{level}"] = found.macro_f()
        return scores

    def _by_level(self, predicted: Sequence[Example]) -> Iterator[ClassScores]:
        """Of each level, from the top. Of an exclusive group, what a document gets on a level is
        what stands above its best leaf."""
        assert self.tree is not None
        if not self._labels:
            return
        gold = self._gold([example.reference for example in predicted])
        values = [[eg.predicted.cats.get(k, nan) for k in self._labels] for eg in predicted]
        guess = np.asarray(values).reshape(gold.shape)
        if self.exclusive:
            leaves = np.where(self.tree.is_leaf, np.nan_to_num(guess), -np.inf)
            is_any = leaves.max(axis=1, keepdims=True) > 0  # else it was refused
            guess = (self.tree.paths[leaves.argmax(axis=1)] & is_any).astype(guess.dtype)
        said = gold == 1 if self.exclusive else ~np.isnan(gold)
        for level in range(1, len(self.tree.levels) + 1):
            columns = np.flatnonzero(self.tree.level == level)
            cells = np.ix_(said[:, columns].any(axis=1), columns)
            labels = tuple(self._labels[column] for column in columns)
            threshold = 0.5 if self.exclusive else self._thresholds.values(labels)
            yield ClassScores(labels, gold[cells], guess[cells], threshold)
