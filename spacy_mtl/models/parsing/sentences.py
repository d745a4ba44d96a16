"""Sentences of a batch as rows of its matrix, those of the same length together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
LONGEST = 1000  # words of a sentence; memory grows with the square
_CELLS = 2**20  # of the arcs' scores of sentences that are treated at once


@dataclass(frozen=True)
class Sentences:
    """The words of each sentence, one sentence after the other.

    A sentence of more than `LONGEST` words is taken for several.

    rows: (n_words,) the rows of the words in the batch, in order; tokens of whitespace are none.
    starts: (n_sents,) where in `rows` each sentence begins. lengths: (n_sents,) its words, from 1.
    """

    rows: Rows
    starts: Rows
    lengths: Rows

    @classmethod
    def of(cls, is_start: NDArray[np.bool_], is_space: NDArray[np.bool_]) -> Sentences:
        """is_start: (n_tokens,) whether a sentence begins there; the first token of each document
        does. is_space: (n_tokens,) whether a token is whitespace, which is no word."""
        number = np.cumsum(is_start)
        rows = np.flatnonzero(~is_space)
        own = number[rows]
        starts = np.flatnonzero(np.diff(own, prepend=0))
        place = np.arange(len(rows)) - np.repeat(starts, np.diff(starts, append=len(rows)))
        starts = np.flatnonzero(place % LONGEST == 0)
        return cls(rows, starts, np.diff(starts, append=len(rows)))

    def first_tokens(self, n_tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
        """(n_tokens,) whether a sentence begins at each: at the first one of each document, also if
        that is whitespace, and at the first word of each other sentence. n_tokens: (n_docs,)."""
        begins = np.zeros(int(n_tokens.sum()), dtype=bool)
        words = self.rows[self.starts]
        document = np.repeat(np.arange(len(n_tokens)), n_tokens)[words]
        begins[words[np.diff(document, prepend=-1) == 0]] = True
        begins[(np.cumsum(n_tokens) - n_tokens)[n_tokens > 0]] = True
        return begins

    def number(self) -> Rows:
        """(n_words,) of each word that of its sentence."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def within(self, heads: Rows) -> Rows:
        """(n_words,) the numbers of words' heads among the words, -1 where there is none in the
        word's sentence. heads: (n_tokens,) rows in the batch, -1 for none."""
        word = np.full(len(heads) + 1, -1)  # the last for the rows that are none
        word[self.rows] = np.arange(len(self.rows))
        found = word[heads[self.rows]]
        number = self.number()
        return np.where((found >= 0) & (number == number[found]), found, -1)

    def by_length(self) -> Iterator[Rows]:
        """(n, length) places in `rows` of n sentences of one length, so that no product of the
        arcs' scores is larger than the memory that is close to the processor."""
        order = np.argsort(self.lengths, kind="stable")
        lengths = self.lengths[order]
        ends = np.flatnonzero(np.diff(lengths, append=0))
        begin = 0
        for end in (ends + 1).tolist():
            length = int(lengths[begin])
            step = max(1, _CELLS // length**2)
            for first in range(begin, end, step):
                chosen = order[first : min(end, first + step)]
                yield self.starts[chosen][:, None] + np.arange(length)
            begin = end
