"""Which tokens the spans of BILUO sequences are made of; columns are those of `biluo`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Array = Any  # of numpy or cupy


@dataclass(frozen=True)
class SpanRows:
    """The spans of valid sequences.

    rows, labels, span: (n_filled,) the tokens that are in spans, their columns, and which span.
    first, last, kinds: (n_spans,) each span's first and last token, and its type.
    """

    rows: Array
    labels: Array
    span: Array
    first: Array
    last: Array
    kinds: Array

    @classmethod
    def of(cls, xp: Any, labels: Array, n_types: int) -> SpanRows:
        """labels: (n_tokens,) columns of documents, one behind the other."""
        rows = xp.flatnonzero(labels)
        filled = labels[rows]
        prefix, kind = xp.divmod(filled - 1, max(n_types, 1))
        first, last = (prefix == 0) | (prefix == 3), (prefix == 2) | (prefix == 3)
        return cls(rows, filled, xp.cumsum(first) - 1, rows[first], rows[last], kind[last])

    def sum(self, xp: Any, values: Array) -> Array:
        """(n_spans,) the sum in float64 of what (n_filled,) tokens have."""
        if not len(self.rows):
            return xp.zeros(0)
        return xp.bincount(self.span, weights=values.astype("float64"))
