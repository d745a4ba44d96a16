"""Losses over rows of scores; rows that are not labelled get a gradient of exactly zero."""

from __future__ import annotations

from typing import Any

from thinc.api import get_array_module
from thinc.types import ArrayXd, Floats2d, Ints1d

from ..errors import MTLError


def softmax(scores: Floats2d) -> Floats2d:
    """Each row's probabilities."""
    xp: Any = get_array_module(scores)
    if scores.shape[1] == 0:
        return scores
    shifted = xp.exp(scores - xp.max(scores, axis=1, keepdims=True))
    probabilities: Floats2d = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities


def softmax_cross_entropy(
    scores: Floats2d,
    classes: Ints1d,
    mask: ArrayXd,
    smoothing: float = 0.0,
    known: ArrayXd | None = None,
) -> tuple[float, Floats2d]:
    """The summed cross-entropy of the rows in `mask` in nats, and its gradient.

    scores: (rows, classes) unnormalized; classes: (rows,); mask: (rows,) bool. smoothing: share
    of the target that is spread evenly over the other classes (Szegedy et al. 2016). The loss
    is that of the unsmoothed target, so that it can be compared between settings.
    known: (rows, classes) bool, the classes that there are for each row, among them its own; the
    gradient of the others is exactly zero. None for all.
    """
    xp: Any = get_array_module(scores)
    rows = xp.flatnonzero(mask)
    gold = classes[rows]
    d_scores = xp.zeros_like(scores)
    kept = scores[rows]
    if known is not None:
        known = known[rows]
        kept = xp.where(known, kept, -xp.inf)
    P = softmax(kept)
    index = xp.arange(len(rows))
    loss = -xp.log(xp.maximum(P[index, gold], 1e-30)).sum()
    if smoothing:
        _smooth(P, index, gold, smoothing, known)
    P[index, gold] -= 1.0
    d_scores[rows] = P
    return float(loss), d_scores


def _smooth(P: Any, index: Ints1d, gold: Ints1d, smoothing: float, known: Any) -> None:
    """Move the gradient from the target of one class to the smoothed one, in place."""
    xp: Any = get_array_module(P)
    if known is None:
        known = xp.ones((1, P.shape[1]), dtype=bool)
    n_others = known.sum(axis=1, keepdims=True) - 1
    moved = xp.where(n_others > 0, smoothing, 0.0)
    each = moved / xp.maximum(n_others, 1)
    P -= known * each.astype(P.dtype)
    P[index, gold] += (moved + each)[:, 0].astype(P.dtype)


def check_smoothing(label_smoothing: float) -> None:
    """RAISES (MTLError): If it cannot be a setting of a task for `softmax_cross_entropy`."""
    if not 0.0 <= label_smoothing < 1.0:
        raise MTLError(f"Expected `label_smoothing` in [0, 1), got {label_smoothing}.")


def partial_cross_entropy(
    scores: Floats2d, possible: ArrayXd, mask: ArrayXd, known: ArrayXd | None = None
) -> tuple[float, Floats2d]:
    """The summed -log of the probability of the possible classes together, and its gradient.

    possible: (rows, classes) bool, the classes that a row may have, of those that are known; other
    arguments as for `softmax_cross_entropy`.
    """
    xp: Any = get_array_module(scores)
    rows = xp.flatnonzero(mask)
    kept = scores[rows]
    if known is not None:
        kept = xp.where(known[rows], kept, -xp.inf)
    among = xp.where(possible[rows], kept, -xp.inf)
    d_scores = xp.zeros_like(scores)
    d_scores[rows] = softmax(kept) - softmax(among)
    return float((_log_sum(xp, kept) - _log_sum(xp, among)).sum()), d_scores


def _log_sum(xp: Any, scores: Any) -> Any:
    if not len(scores):
        return xp.zeros(0)
    highest = scores.max(axis=1)
    return highest + xp.log(xp.exp(scores - highest[:, None]).sum(axis=1))


def sigmoid(scores: Floats2d) -> Floats2d:
    """Elementwise probabilities, without overflow."""
    xp: Any = get_array_module(scores)
    probabilities: Floats2d = 0.5 * (xp.tanh(0.5 * scores) + 1.0)
    return probabilities


def binary_cross_entropy(
    scores: Floats2d, truths: Floats2d, mask: ArrayXd
) -> tuple[float, Floats2d]:
    """The summed binary cross-entropy of the cells in `mask` in nats, and its gradient."""
    xp: Any = get_array_module(scores)
    # log(1 + exp(s)) - t * s, without overflow
    losses = xp.maximum(scores, 0) + xp.log1p(xp.exp(-xp.abs(scores))) - truths * scores
    d_scores = (sigmoid(scores) - truths) * mask
    return float((losses * mask).sum()), d_scores


def huber(scores: Floats2d, gold: Floats2d, mask: ArrayXd, delta: float) -> tuple[float, Floats2d]:
    """The summed Huber loss of the cells in `mask`, and its gradient.

    Half the squared error up to an error of `delta`, from there on `delta` times the error, less
    what makes it continuous; with an infinite one it is half the squared error anywhere (Huber
    1964, https://doi.org/10.1214/aoms/1177703732). All (rows, columns).
    """
    xp: Any = get_array_module(scores)
    errors: Any = scores - gold
    errors[~mask] = 0.0
    d_scores: Any = xp.clip(errors, -delta, delta)
    return float((d_scores * (errors - d_scores / 2)).sum()), d_scores


def divergence(
    P: Floats2d, Q: Floats2d, weights: ArrayXd, yes_or_no: bool
) -> tuple[float, Floats2d]:
    """The summed Kullback-Leibler divergence of probabilities P from Q in nats, and its gradient at
    the scores that P is the softmax or sigmoid of.

    yes_or_no: whether each cell is the probability of a yes; otherwise each row, or each set of
        cells in it, is a distribution. weights: of the cells, (rows, columns) or (rows, 1).
    """
    xp: Any = get_array_module(P)
    losses = Q * _log_ratio(xp, Q, P)
    if yes_or_no:
        losses = losses + (1 - Q) * _log_ratio(xp, 1 - Q, 1 - P)
    counted: Any = weights
    return float((losses * counted).sum()), (P - Q) * counted


def _log_ratio(xp: Any, numerator: Floats2d, denominator: Floats2d) -> Floats2d:
    ratio: Floats2d = xp.log(xp.maximum(numerator, 1e-30)) - xp.log(xp.maximum(denominator, 1e-30))
    return ratio
