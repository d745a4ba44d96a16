"""Thresholds for the labels of a multi-label task: where F is highest on development data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from thinc.api import to_numpy

from ..errors import MTLError
from ..metrics.f_score import Counts, f_score
from ..tasks.capable import ThresholdedByLabel
from ..tasks.class_scores import ClassScores
from .temperature import LabelledScores

PRIOR = 20.0
CELLS = 4_000_000  # of documents and labels that are looked at at once
Floats = NDArray[np.float64]


def best_thresholds(
    probabilities: NDArray, gold: NDArray, common: float = 0.5, prior: float = PRIOR
) -> Floats:
    """(n_labels,) the threshold from which on each label is best assigned, by F.

    The threshold of highest F on some documents (SCut, Yang 2001,
    https://doi.org/10.1145/383952.383975) is chance for a label that few of them have, which is
    mended by smoothing (Lin and Lin 2023, https://doi.org/10.1145/3583780.3614996). Here, right
    and wrong are counted by a mixture: what the gold annotation says has the share n / (n + prior)
    for a label that n documents have, and what the probabilities themselves expect the rest, of
    which alone the best threshold is known too (Lipton et al. 2014,
    https://arxiv.org/abs/1402.1892). They should be calibrated.

    A label has `common` where that decides alike, where no document has it, and where its F on
    the gold annotation would be lower than with it. So F is never lower on these documents; what
    it is on others has to be measured on others.

    probabilities: (n_docs, n_labels), from 0 to 1. gold: the same shape, 0.5 or more for a
        document that has the label, NaN where that is not known.
    prior: how many documents with a label its probabilities stand for, 0 for gold alone.

    RAISES (MTLError): If the shapes differ, or for what is no probability or no such number.
    """
    P, Y = np.asarray(probabilities), np.asarray(gold)
    _check(P, Y, common, prior)
    step = max(CELLS // max(len(P), 1), 1)
    parts = [slice(begin, begin + step) for begin in range(0, P.shape[1], step)]
    found = [_best(P[:, part], Y[:, part], common, prior) for part in parts]
    return np.concatenate([np.zeros(0), *found])


def _best(probabilities: NDArray, gold: NDArray, common: float, prior: float) -> Floats:
    """See `best_thresholds`; of a part of the labels, as candidates for spans are many."""
    P, Y = probabilities.astype("float64"), gold.astype("float64")
    known = ~np.isnan(Y)
    positive = Y >= 0.5
    n = positive.sum(axis=0)
    if not P.size:
        return np.full(P.shape[1], common)
    share = n / np.maximum(n + prior, 1)
    hits = np.where(known, share * positive + (1 - share) * P, 0.0)
    chosen = _highest(np.where(known, P, -1.0), hits, known, common)
    lower = _f(P, Y, chosen) < _f(P, Y, np.full(len(n), common))
    return np.where(lower | (n == 0), common, chosen)


def _check(P: NDArray, Y: NDArray, common: float, prior: float) -> None:
    if P.ndim != 2 or P.shape != Y.shape:
        raise MTLError(
            "Expected probabilities and gold annotation of the same documents and labels, got "
            f"{P.shape} and {Y.shape}."
        )
    if not ((P >= 0) & (P <= 1)).all():
        raise MTLError("Expected probabilities from 0 to 1, got others.")
    if not 0 <= common <= 1 or prior < 0:
        raise MTLError(
            f"Expected a threshold from 0 to 1 and a prior of at least 0, got {common} and {prior}."
        )


def _highest(P: Floats, hits: Floats, known: NDArray[np.bool_], common: float) -> Floats:
    """The threshold of the highest F of each label, the nearest to `common` of equals.

    All cuts through the documents, sorted by P, are tried at once: cut k assigns the first k.
    P: below 0 where nothing is known. hits: how much of a document is right if it is assigned.
    """
    order = np.argsort(-P, axis=0, kind="stable")
    sums = [np.take_along_axis(each, order, axis=0).cumsum(axis=0) for each in (hits, known)]
    right, assigned = (np.concatenate([np.zeros((1, P.shape[1])), each]) for each in sums)
    f = 2 * right / np.maximum(assigned + right[-1], 1e-12)
    ranked = np.maximum(np.take_along_axis(P, order, axis=0), 0.0)
    upper = np.concatenate([np.ones((1, P.shape[1])), ranked])
    lower = np.concatenate([ranked, np.zeros((1, P.shape[1]))])
    thresholds = _between(lower, upper, common)
    f[upper <= lower] = -1.0  # equal probabilities cannot be cut apart
    distance = np.where(f == f.max(axis=0), np.abs(thresholds - common), np.inf)
    best = distance.argmin(axis=0)
    found: Floats = thresholds[best, np.arange(P.shape[1])]
    return found


def _between(lower: Floats, upper: Floats, common: float) -> Floats:
    """A threshold that `upper` reaches and `lower` does not: `common` if it is one, or the mean."""
    mean = lower + (upper - lower) / 2
    mean = np.where(mean > lower, mean, upper)  # of neighbouring floats it is rounded
    return np.where((lower < common) & (common <= upper), common, mean)


def _f(P: Floats, Y: Floats, thresholds: Floats) -> Floats:
    """(n_labels,) F with these thresholds."""
    counts = ClassScores(("",) * P.shape[1], Y, P, thresholds).counts().sum(axis=0)
    return f_score(counts[:, None], "micro")


@dataclass(frozen=True)
class LabelDecisions:
    """What a multi-label task's scores decide about each label, beside the gold annotation."""

    task: ThresholdedByLabel
    labels: tuple[str, ...]
    probabilities: Floats
    gold: Floats

    def choose(self, prior: float = PRIOR) -> None:
        """Give labels the thresholds of `best_thresholds`, if they differ from the task's one."""
        common = self.task.threshold
        best = best_thresholds(self.probabilities, self.gold, common, prior).tolist()
        chosen = zip(self.labels, best, strict=True)
        self.task.label_thresholds = {label: t for label, t in chosen if t != common}

    def counts(self, thresholds: Mapping[str, float] | None = None) -> Counts:
        """What is right and wrong with these thresholds, or with those that the task has."""
        given = self.task.label_thresholds if thresholds is None else thresholds
        values = np.asarray([given[label] for label in self.labels], dtype="float64")
        array = ClassScores(self.labels, self.gold, self.probabilities, values).counts()
        return Counts(array, self.labels, "macro", "macro F")


def label_decisions(found: LabelledScores) -> LabelDecisions | None:
    """By the task's present temperature; None if it has no thresholds of labels, or nothing is
    labelled."""
    task = found.task
    if not isinstance(task, ThresholdedByLabel) or not task.label_thresholds or not found.batches:
        return None
    probabilities, gold = [], []
    for scores, targets, packed in found.batches:
        probabilities.append(to_numpy(task.decode(scores, packed, found.ops).probabilities))
        mask = to_numpy(targets.mask)
        gold.append(np.where(mask, to_numpy(targets.gold), np.float32(np.nan)))
    labels = tuple(task.label_thresholds)
    return LabelDecisions(task, labels, np.concatenate(probabilities), np.concatenate(gold))
