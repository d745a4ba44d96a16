"""What a task that classifies documents got right, from the values of its classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.scorer import PRFScore, Scorer
from spacy.tokens import Doc
from spacy.training import Example

from .confusion import Confusion, unit_confusion
from .thresholds import Thresholds

Decisions = NDArray[np.bool_]
NO_CLASS = "(no class)"


@dataclass(frozen=True)
class ClassScores:
    """The classes of documents of which the reference says something.

    labels: (n_labels,) of the task. gold, guess: (n_docs, n_labels) what both sides of each
        document say, from 0 to 1, NaN where one says nothing.
    threshold: from which value on a class is assigned, or (n_labels,) from which on each; None
        where each document has exactly one, which is the one that scores highest, or none: a gold
        one with no class of 0.5 or more, a guess with no class above 0.
    """

    labels: tuple[str, ...]
    gold: NDArray[np.float64]
    guess: NDArray[np.float64]
    threshold: float | NDArray[np.float64] | None

    def decided(self) -> tuple[Decisions, Decisions]:
        """(n_docs, n_labels) the gold classes, and those assigned where the gold says anything."""
        if self.threshold is None:
            numbers = np.arange(len(self.labels))
            gold, guess = (numbers == best[:, None] for best in self._best())
            return gold, guess
        assigned = np.nan_to_num(self.guess) >= self.threshold
        return self.gold >= 0.5, assigned & ~np.isnan(self.gold)

    def counts(self) -> NDArray[np.int64]:
        """(n_docs, n_labels, 3) true positives, false positives and false negatives."""
        gold, guess = self.decided()
        return np.stack([gold & guess, guess & ~gold, gold & ~guess], axis=2).astype("int64")

    def right(self) -> Decisions:
        """(n_docs,) whether the best class, or all that is decided of a document, is right."""
        gold, guess = self.decided()
        right: Decisions = (gold == guess).all(axis=1)
        return right

    def accuracy(self) -> float:
        """The share of the documents that are `right`, 0 without any."""
        right = self.right()
        return float(right.sum()) / max(len(right), 1)

    def macro_f(self) -> float:
        """The mean F of the labels of which the gold side says something, 0 without any."""
        tp, fp, fn = self.counts().sum(axis=0).T
        f = 2 * tp / np.maximum(2 * tp + fp + fn, 1)
        said = ~np.isnan(self.gold).all(axis=0) if len(self.gold) else np.zeros(len(f), dtype=bool)
        return float(f[said].mean()) if said.any() else 0.0

    def class_f_scores(self) -> dict[str, Any]:
        """Precision, recall and F of the classes, under the names of `Scorer.score_cats`, which
        knows no document without a class."""
        tp, fp, fn = self.counts().sum(axis=0).T.tolist()
        found = [PRFScore(tp=t, fp=p, fn=n) for t, p, n in zip(tp, fp, fn, strict=True)]
        micro = PRFScore(tp=sum(tp), fp=sum(fp), fn=sum(fn))
        of_labels = {label: prf.to_dict() for label, prf in zip(self.labels, found, strict=True)}
        macro = {
            key: float(np.mean([prf[key] for prf in of_labels.values()])) if of_labels else 0.0
            for key in ("p", "r", "f")
        }
        return {
            **{f"cats_micro_{key}": value for key, value in micro.to_dict().items()},
            **{f"cats_macro_{key}": value for key, value in macro.items()},
            "cats_f_per_type": of_labels,
            "cats_score": macro["f"],
        }

    def confusion(self) -> Confusion | None:
        """Of documents that have a class; None where they can have several."""
        if self.threshold is not None:
            return None
        gold, guess = self._best()
        return unit_confusion(self.labels, gold, guess, none=NO_CLASS if (guess < 0).any() else "")

    def outcomes(self) -> Iterator[tuple[float, bool]]:
        """The probability of each decision about what both sides say, and whether it is right;
        that there is no class has none."""
        if self.threshold is None:
            for values, gold, guess in zip(self.guess, *self._best(), strict=True):
                if guess >= 0:
                    yield float(np.nan_to_num(values[guess])), bool(gold == guess)
            return
        said = ~np.isnan(self.gold) & ~np.isnan(self.guess)
        golds, decided = self.decided()
        sure = np.where(decided, self.guess, 1 - self.guess)
        yield from zip(sure[said].tolist(), (golds == decided)[said].tolist(), strict=True)

    def _best(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(n_docs,) the number of the class that scores highest at both sides, the first of
        equals, -1 for none."""
        if not self.gold.size:  # without labels there is nothing to be highest
            return np.zeros(0, dtype="int64"), np.zeros(0, dtype="int64")
        gold, guess = np.nan_to_num(self.gold), np.nan_to_num(self.guess)
        is_any = (gold >= 0.5).any(axis=1), (guess > 0).any(axis=1)
        return (
            np.where(is_any[0], gold.argmax(axis=1), -1),
            np.where(is_any[1], guess.argmax(axis=1), -1),
        )


@dataclass(frozen=True)
class _Sides:
    """What `Scorer` asks of an example: the values of its classes."""

    predicted: Mapping[str, float]
    reference: Mapping[str, float]


def cats_scores(
    examples: Sequence[Example],
    getter: Callable[[Doc, str], dict[str, float]],
    labels: Sequence[str],
    thresholds: Thresholds | None,
) -> dict[str, Any]:
    """`Scorer.score_cats`, also of labels that have thresholds of their own.

    getter: gives the values of a document's classes. thresholds: None of an exclusive group.
    """

    def scored(examples: Any, getter: Any, threshold: float) -> dict[str, Any]:
        return Scorer.score_cats(
            examples,
            "cats",
            getter=getter,
            labels=labels,
            multi_label=thresholds is not None,
            threshold=threshold,
        )

    scores = scored(examples, getter, 0.0 if thresholds is None else thresholds.common)
    if thresholds is None or not thresholds.own:
        return scores
    of_labels = thresholds.of(labels)
    decided = [
        _Sides(_decided(getter(eg.predicted, "cats"), of_labels), getter(eg.reference, "cats"))
        for eg in examples
    ]
    found = scored(decided, lambda values, _: values, 0.5)
    return {**found, **{key: scores[key] for key in _OF_ALL_THRESHOLDS}}


def _decided(values: Mapping[str, float], thresholds: Mapping[str, float]) -> dict[str, float]:
    """1 for each class that is assigned, 0 for the others."""
    return {label: float(values.get(label, 0.0) >= t) for label, t in thresholds.items()}


# What does not depend on thresholds: the areas under the curves that go through all of them.
_OF_ALL_THRESHOLDS = ("cats_score", "cats_score_desc", "cats_macro_auc", "cats_auc_per_type")
