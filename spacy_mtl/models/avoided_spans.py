"""Sums over the BILUO paths that avoid given spans, by more types instead of more states.

A span of one token is one label, which is forbidden. For longer ones, each pair of a first token
and a type gets a type of its own, a copy that can only begin there and takes over from the type:
where it may not end, its last label is forbidden. Paths of the copies and those of the types are
the same set, less those with an avoided span, so that sums over them are exact, for any number of
spans, however they overlap.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.types import Floats1d, Floats2d

from .biluo import FORBIDDEN, OUTSIDE, columns, marginals

Array = Any


def avoiding_marginals(
    xp: Any, scores: Floats2d, lengths: NDArray[np.int32], spans: NDArray[np.int64]
) -> tuple[Floats1d, Floats2d]:
    """`biluo.marginals` over the paths that have none of these spans.

    spans: (n_spans, 3) the rows of the first and the last token, of one document, and the type.
    Some path must remain.
    """
    single = spans[:, 0] == spans[:, 1]
    at = columns((scores.shape[1] - 1) // 4)
    scores = scores.copy()
    for row, _, kind in spans[single].tolist():
        scores[row, at["U"].start + kind] = FORBIDDEN
    if single.all():
        return marginals(xp, scores, lengths)
    copies = _Copies(lengths, spans[~single])
    log_z, posterior = marginals(xp, copies.added_to(xp, scores), lengths)
    return log_z, copies.taken_from(xp, posterior, scores.shape[1])


class _Copies:
    """The types that stand for those that begin at a certain token.

    Of each: its number within its document, its type, its first row and the row after its
    document; and the rows where it may not end.
    """

    def __init__(self, lengths: NDArray[np.int32], spans: NDArray[np.int64]) -> None:
        ends = np.cumsum(lengths)
        numbers = np.zeros(len(lengths), dtype="int64")
        self.spans: dict[tuple[int, int], tuple[int, int, list[int]]] = {}
        for first, last, kind in spans.tolist():
            doc = int(np.searchsorted(ends, first, side="right"))
            if (first, kind) not in self.spans:
                self.spans[first, kind] = (int(numbers[doc]), int(ends[doc]), [])
                numbers[doc] += 1
            self.spans[first, kind][2].append(last)
        self.n = int(numbers.max())

    def added_to(self, xp: Any, scores: Array) -> Array:
        """(n_tokens, 1 + 4 * (n_types + n)) the scores with columns for the copies."""
        n_types = (scores.shape[1] - 1) // 4
        old, new = columns(n_types), columns(n_types + self.n)
        S = xp.full((len(scores), 1 + 4 * (n_types + self.n)), FORBIDDEN, dtype=scores.dtype)
        S[:, OUTSIDE] = scores[:, OUTSIDE]
        for prefix in "BILU":
            S[:, new[prefix].start : new[prefix].start + n_types] = scores[:, old[prefix]]
        for (first, kind), (number, end, lasts) in self.spans.items():
            begin, copy = new["B"].start, n_types + number
            S[first, begin + copy] = scores[first, old["B"].start + kind]
            S[first, begin + kind] = FORBIDDEN
            for prefix in "IL":
                column = new[prefix].start + copy
                S[first + 1 : end, column] = scores[first + 1 : end, old[prefix].start + kind]
            S[xp.asarray(lasts), new["L"].start + copy] = FORBIDDEN
        return S

    def taken_from(self, xp: Any, posterior: Array, n_columns: int) -> Array:
        """(n_tokens, n_columns) the posterior with that of the copies added to their types."""
        n_types = (n_columns - 1) // 4
        old, new = columns(n_types), columns(n_types + self.n)
        kept = [OUTSIDE]
        for prefix in "BILU":
            kept += range(new[prefix].start, new[prefix].start + n_types)
        P = posterior[:, xp.asarray(kept)]
        for (first, kind), (number, end, _) in self.spans.items():
            for prefix in "BIL":
                column = new[prefix].start + n_types + number
                P[first:end, old[prefix].start + kind] += posterior[first:end, column]
        return P
