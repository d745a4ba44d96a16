"""BILUO sequences: Viterbi decoding and the linear-chain CRF over their structured transitions.

After a token, a sequence is either *closed* (after O, L-x or U-x) or *open* inside one type x
(after B-x or I-x). From closed it continues with O, B-x or U-x, from open inside x with I-x or
L-x, and it begins and ends closed. One step therefore costs time linear in the number of types,
and every path is a set of well-formed spans.

As each label has exactly one state before it, transition scores would add nothing to the
scores of labels. Scores are (n_tokens, 1 + 4 * n_types), columns O, B-*, I-*, L-*, U-*.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.types import Floats1d, Floats2d, Ints1d

from .packed import row_starts
from .span_rows import SpanRows

# An array of numpy or cupy; thinc's types do not know all of their common interface.
Array = Any

OUTSIDE = 0
# Stands for minus infinity: sums of it stay finite, so that no NaN can arise.
FORBIDDEN = -1e30


def columns(n_types: int) -> dict[str, slice]:
    """The columns of the scores that belong to each of B, I, L and U."""
    return {
        prefix: slice(1 + i * n_types, 1 + (i + 1) * n_types) for i, prefix in enumerate("BILU")
    }


@dataclass(frozen=True)
class Timeline:
    """The tokens of a batch in order of position: first all first tokens, and so on.

    order: (n_tokens,) rows of the packed batch, by position and then by descending length.
    docs: (n_tokens,) the document of each.
    bounds: per position the begin and end of its slice of `order`; the slices only shrink, and
        what is not in the next one ends there.
    """

    order: NDArray[np.int64]
    docs: NDArray[np.int64]
    bounds: list[tuple[int, int]]

    @classmethod
    def of(cls, lengths: NDArray[np.int32]) -> Timeline:
        """The timeline of documents of these lengths."""
        starts = row_starts(lengths)
        by_length = np.argsort(-lengths, kind="stable")
        longest = int(lengths.max(initial=0))
        # active[t]: how many documents have a token at position t
        active = len(lengths) - np.cumsum(np.bincount(lengths, minlength=longest + 1))[:longest]
        ends = np.cumsum(active)
        position = np.repeat(np.arange(longest), active)
        rank = np.arange(len(position)) - np.repeat(ends - active, active)
        docs = by_length[rank]
        bounds = list(zip((ends - active).tolist(), ends.tolist(), strict=True))
        return cls(starts[docs] + position, docs, bounds)

    def forwards(self) -> Iterator[tuple[int, int, int]]:
        """Begin and end of each position's slice, and how many documents go on after it."""
        sizes = [end - begin for begin, end in self.bounds] + [0]
        for (begin, end), rest in zip(self.bounds, sizes[1:], strict=True):
            yield begin, end, rest


def viterbi(xp: Any, scores: Floats2d, lengths: NDArray[np.int32]) -> Ints1d:
    """The label of each token on the highest-scoring valid path of its document.

    scores: (n_tokens, 1 + 4 * n_types); FORBIDDEN rules a label out, some path must remain.
    Returns (n_tokens,) column indices.
    """
    n_types = (scores.shape[1] - 1) // 4
    labels = xp.zeros((scores.shape[0],), dtype="int32")
    if scores.shape[0] == 0:
        return labels
    timeline = Timeline.of(lengths)
    order = xp.asarray(timeline.order)
    S = scores[order]
    S_begin, S_inside, S_last, S_unit = (S[:, block] for block in columns(n_types).values())
    stay, stay_label = _best_closed(xp, S[:, OUTSIDE], S_unit, n_types)
    if n_types == 0:
        return labels
    closing = xp.zeros(len(order), dtype="int32")  # the type that ends here, -1 for none
    inside = xp.zeros((len(order), n_types), dtype="bool")  # open before, in the same type
    closed, open_ = None, None
    for begin, end in timeline.bounds:
        n = end - begin
        if closed is None or open_ is None:
            closed = xp.zeros(n, dtype=S.dtype)
            open_ = xp.full((n, n_types), FORBIDDEN, dtype=S.dtype)
        closed, open_ = closed[:n], open_[:n]
        ending = open_ + S_last[begin:end]
        which = ending.argmax(axis=1)
        best_ending = xp.take_along_axis(ending, which[:, None], axis=1)[:, 0]
        outside = closed + stay[begin:end]
        closing[begin:end] = xp.where(best_ending > outside, which, -1)
        starting, going_on = closed[:, None] + S_begin[begin:end], open_ + S_inside[begin:end]
        inside[begin:end] = going_on > starting
        closed, open_ = xp.maximum(best_ending, outside), xp.maximum(going_on, starting)
    labels[order] = _trace(xp, timeline, closing, inside, stay_label)
    return labels


def _best_closed(xp: Any, S_outside: Array, S_unit: Array, n_types: int) -> tuple[Array, Array]:
    """The better of O and the best U-x, for all tokens at once: its score and its label."""
    if n_types == 0:
        return S_outside, xp.zeros(S_outside.shape, dtype="int32")
    which = S_unit.argmax(axis=1)
    best = xp.take_along_axis(S_unit, which[:, None], axis=1)[:, 0]
    first = columns(n_types)["U"].start
    label = xp.where(best > S_outside, first + which, OUTSIDE).astype("int32")
    return xp.maximum(S_outside, best), label


def _trace(xp: Any, timeline: Timeline, closing: Array, inside: Array, stay_label: Array) -> Array:
    """Follow the back pointers of all documents from their last tokens."""
    n_types = inside.shape[1]
    first = {prefix: block.start for prefix, block in columns(n_types).items()}
    labels = xp.zeros(closing.shape, dtype="int32")
    state = xp.zeros(0, dtype="int32")  # the open type after this position, -1 for closed
    for begin, end in reversed(timeline.bounds):
        ended = xp.full(end - begin - len(state), -1, dtype="int32")
        state = xp.concatenate([state, ended])
        close = closing[begin:end]
        safe = xp.maximum(state, 0)
        goes_on = xp.take_along_axis(inside[begin:end], safe[:, None], axis=1)[:, 0]
        if_closed = xp.where(close >= 0, first["L"] + close, stay_label[begin:end])
        if_open = xp.where(goes_on, first["I"] + safe, first["B"] + safe)
        labels[begin:end] = xp.where(state >= 0, if_open, if_closed)
        state = xp.where(state >= 0, xp.where(goes_on, state, -1), close)
    return labels


def marginals(xp: Any, scores: Floats2d, lengths: NDArray[np.int32]) -> tuple[Floats1d, Floats2d]:
    """The CRF's log partition function and the posterior of every label.

    scores: (n_tokens, 1 + 4 * n_types); FORBIDDEN rules a label out, some path must remain.
    Returns (n_docs,) log of the sum over all valid paths of the exponentiated path score (0 for
    empty documents), and (n_tokens, 1 + 4 * n_types) probabilities, which are the gradient of
    the first. Both in float64. The forward-backward algorithm, Rabiner 1989, in log space.
    """
    sums = _path_sums(xp, scores, lengths)
    S, Z = sums.S, sums.Z
    before_closed, after_closed = sums.before_closed[:, None], sums.after_closed[:, None]
    P = xp.empty_like(S)
    P[:, OUTSIDE] = S[:, OUTSIDE] + sums.before_closed + sums.after_closed - Z
    ways = {
        "B": (before_closed, sums.after_open),
        "I": (sums.before_open, sums.after_open),
        "L": (sums.before_open, after_closed),
        "U": (before_closed, after_closed),
    }
    for prefix, block in columns((S.shape[1] - 1) // 4).items():
        source, target = ways[prefix]
        P[:, block] = S[:, block] + source + target - Z[:, None]
    result = xp.empty_like(P)
    result[sums.order] = xp.exp(P)
    return sums.log_z, result


def span_marginals(
    xp: Any, scores: Floats2d, lengths: NDArray[np.int32], spans: SpanRows
) -> Floats1d:
    """The CRF's posterior of each span: that there is one of its type from its first to its last
    token, whatever the rest of the document is.

    scores as for `marginals`. Returns (n_spans,) probabilities in float64.
    """
    sums = _path_sums(xp, scores, lengths)
    place = xp.empty_like(sums.order)
    place[sums.order] = xp.arange(len(place))
    first, last = place[spans.first], place[spans.last]
    inside = spans.sum(xp, scores[spans.rows, spans.labels])
    log_p = sums.before_closed[first] + inside + sums.after_closed[last] - sums.Z[first]
    probabilities: Floats1d = xp.exp(xp.minimum(log_p, 0.0))
    return probabilities


@dataclass(frozen=True)
class _PathSums:
    """Log sums over the partial paths of documents.

    Of tokens in the order of a `Timeline`: their scores S, the sums over the paths before and
    after each by its state there, and that over its document's whole paths, Z. log_z: (n_docs,).
    """

    order: Array
    S: Array
    before_closed: Array
    before_open: Array
    after_closed: Array
    after_open: Array
    Z: Array
    log_z: Array


def _path_sums(xp: Any, scores: Floats2d, lengths: NDArray[np.int32]) -> _PathSums:
    n_types = (scores.shape[1] - 1) // 4
    timeline = Timeline.of(lengths)
    order = xp.asarray(timeline.order)
    S = scores[order].astype("float64")
    before_closed, before_open, last = _forwards(xp, S, timeline, n_types)
    after_closed, after_open = _backwards(xp, S, timeline, n_types)
    docs = xp.asarray(timeline.docs)
    log_z = xp.zeros(len(lengths), dtype="float64")
    log_z[docs[: len(last)]] = last
    Z = log_z[docs]
    return _PathSums(order, S, before_closed, before_open, after_closed, after_open, Z, log_z)


def _forwards(xp: Any, S: Array, timeline: Timeline, n_types: int) -> tuple[Array, Array, Array]:
    """Log sums over the paths before each token, by state; and over whole documents."""
    S_begin, S_inside, S_last, S_unit = (S[:, block] for block in columns(n_types).values())
    stay = xp.logaddexp(S[:, OUTSIDE], _logsumexp(xp, S_unit))
    before_closed = xp.zeros(S.shape[0])
    before_open = xp.full((S.shape[0], n_types), FORBIDDEN)
    n_docs = timeline.bounds[0][1] if timeline.bounds else 0
    closed, open_ = xp.zeros(n_docs), xp.full((n_docs, n_types), FORBIDDEN)
    totals = xp.zeros(n_docs)
    for begin, end, rest in timeline.forwards():
        closed, open_ = closed[: end - begin], open_[: end - begin]
        before_closed[begin:end], before_open[begin:end] = closed, open_
        ending = _logsumexp(xp, open_ + S_last[begin:end])
        starting = closed[:, None] + S_begin[begin:end]
        open_ = xp.logaddexp(open_ + S_inside[begin:end], starting)
        closed = xp.logaddexp(closed + stay[begin:end], ending)
        totals[rest : end - begin] = closed[rest:]
    return before_closed, before_open, totals


def _backwards(xp: Any, S: Array, timeline: Timeline, n_types: int) -> tuple[Array, Array]:
    """Log sums over the paths after each token, by the state that it leaves."""
    S_begin, S_inside, S_last, S_unit = (S[:, block] for block in columns(n_types).values())
    stay = xp.logaddexp(S[:, OUTSIDE], _logsumexp(xp, S_unit))
    after_closed = xp.zeros(S.shape[0])
    after_open = xp.full((S.shape[0], n_types), FORBIDDEN)
    closed, open_ = xp.zeros(0), xp.zeros((0, n_types))
    for begin, end in reversed(timeline.bounds):
        ended = end - begin - len(closed)
        closed = xp.concatenate([closed, xp.zeros(ended)])
        open_ = xp.concatenate([open_, xp.full((ended, n_types), FORBIDDEN)])
        after_closed[begin:end], after_open[begin:end] = closed, open_
        ending = closed[:, None] + S_last[begin:end]
        starting = _logsumexp(xp, open_ + S_begin[begin:end])
        open_ = xp.logaddexp(open_ + S_inside[begin:end], ending)
        closed = xp.logaddexp(closed + stay[begin:end], starting)
    return after_closed, after_open


def _logsumexp(xp: Any, X: Array) -> Array:
    if X.shape[1] == 0:
        return xp.full(X.shape[0], FORBIDDEN)
    highest = X.max(axis=1)
    return highest + xp.log(xp.exp(X - highest[:, None]).sum(axis=1))
