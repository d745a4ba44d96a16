"""The best valid BILUO sequence, searched only where it can differ from each token's best label.

Scores are of single tokens, so the best path is that of every token's best label wherever this is
valid. Where it is not, repairing the offending runs of labels, each by itself, costs some score. A
token whose O is further ahead of its other labels than that cost is O on the best path too, and
closes what is on its left against what is on its right. Between such tokens Viterbi is needed only
where labels offend, which is in few and short stretches once a model is trained. Exact, not an
approximation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import to_numpy
from thinc.types import Floats2d, Ints1d

from .biluo import OUTSIDE, row_starts, viterbi

ROUNDS = 3
NEAR = 16  # tokens on each side of an offending one among which such a closing O is looked for
# For what rounding does to sums of scores: too wide only costs time.
MARGIN = 1e-3
Array = Any


def best_path(xp: Any, scores: Floats2d, lengths: NDArray[np.int32]) -> Ints1d:
    """The same as `biluo.viterbi`, up to ties between paths of equal score."""
    n_types = (scores.shape[1] - 1) // 4
    if not n_types or not scores.shape[0]:
        return viterbi(xp, scores, lengths)
    labels: Any = scores.argmax(axis=1).astype("int32")
    starts = xp.zeros(len(labels), dtype=bool)
    starts[xp.asarray(row_starts(lengths)[lengths > 0])] = True
    run = _offending_runs(xp, labels, starts, n_types)
    offending = run > 0
    if not offending.any():
        return labels
    repaired = _search(xp, scores, run, offending)
    cost = xp.zeros(len(labels))
    cost[offending] = scores[offending, labels[offending]] - scores[offending, repaired]
    ahead = _lead_of_outside(xp, scores, labels, offending)
    for _ in range(ROUNDS):  # costs of ever smaller stretches
        stretch = xp.cumsum(starts) - 1
        total = xp.bincount(stretch, weights=cost)
        closed = ahead > total[stretch] * (1 + MARGIN) + MARGIN
        starts = starts | closed
        starts[1:] |= closed[:-1]
    stretch = xp.cumsum(starts) - 1
    searched = (xp.bincount(stretch, weights=offending) > 0)[stretch]
    labels[searched] = _search(xp, scores, stretch, searched)
    return labels


def _search(xp: Any, scores: Any, group: Array, chosen: Array) -> Array:
    """The best paths of the `chosen` tokens, those of a group being a sequence of their own."""
    sizes = to_numpy(xp.bincount(group[chosen]))
    return viterbi(xp, scores[chosen], sizes[sizes > 0].astype("int32"))


def _lead_of_outside(xp: Any, scores: Floats2d, labels: Array, offending: Array) -> Array:
    """(n_tokens,) by how much O is ahead of the best other label where it is the best one and an
    offending token is near, minus infinity elsewhere."""
    near = xp.flatnonzero(offending)[:, None] + xp.arange(-NEAR, NEAR + 1)
    looked_at = xp.zeros(len(labels), dtype=bool)
    looked_at[near.clip(0, len(labels) - 1)] = True
    rows = xp.flatnonzero(looked_at & (labels == OUTSIDE))
    ahead = xp.full(len(labels), -xp.inf)
    few = scores[rows]
    ahead[rows] = few[:, OUTSIDE].astype("float64") - few[:, 1:].max(axis=1)
    return ahead


def _offending_runs(xp: Any, labels: Array, starts: Array, n_types: int) -> Array:
    """(n_tokens,) numbers from 1 of the runs of labels other than O that are not valid
    throughout, 0 for all other tokens. starts: where a document begins.
    """
    inside = labels != OUTSIDE
    prefix, kind = xp.divmod(labels - 1, n_types)
    after = xp.where(inside & (prefix <= 1), kind, -1)  # the type that is open behind it
    needed = xp.where(inside & ((prefix == 1) | (prefix == 2)), kind, -1)  # and before it
    before = _shifted(xp, after)
    left_open = xp.where(starts, before >= 0, needed != before)
    wrong = inside & (left_open | (starts & (needed >= 0)))
    wrong[:-1] |= inside[:-1] & left_open[1:]
    wrong[-1] |= after[-1] >= 0
    if not wrong.any():
        return xp.zeros(len(labels), dtype="int64")
    begins_run = inside & (starts | ~_shifted(xp, inside))
    run = xp.cumsum(begins_run)
    bad = xp.bincount(run, weights=wrong)
    return xp.where(inside & (bad[run] > 0), run, 0)


def _shifted(xp: Any, values: Array) -> Array:
    """Each token's predecessor's value; that of the first one means nothing."""
    return xp.concatenate([values[:1], values[:-1]])
