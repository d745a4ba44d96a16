"""Which of a batch's candidates are spans, and with which labels: a decision about candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.types import ArrayXd

from ..confidences import note_spans
from ..models.candidates import Candidates
from ..models.packed import doc_lengths, row_starts, token_attributes
from .spans import Ids


@dataclass(frozen=True)
class FoundSpans:
    """A task's decision for a batch, on the host, in the order in which it is written.

    candidates: of the batch.
    rows, labels: (n_found,) the number of the candidate that each span is, those of the first
        document first, and the place of its label.
    confidences: (n_found,) its probability, float32.
    get_probabilities: computes `probabilities`, which not every use needs.
    """

    candidates: Candidates
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    confidences: NDArray[np.float32]
    get_probabilities: Callable[[], ArrayXd]

    @cached_property
    def probabilities(self) -> ArrayXd:
        """(n_candidates, n_columns) the probability of each column for each candidate."""
        return self.get_probabilities()

    def kept(self, which: NDArray[Any]) -> FoundSpans:
        """Those that a mask or places choose, in the order of the places."""
        return replace(
            self,
            rows=self.rows[which],
            labels=self.labels[which],
            confidences=self.confidences[which],
        )

    def once(self) -> FoundSpans:
        """Each span once, where the suggester gave a candidate several times."""
        starts, ends = self.candidates.starts[self.rows], self.candidates.ends[self.rows]
        n_ends, n_labels = ends.max(initial=0) + 1, self.labels.max(initial=0) + 1
        codes = (starts * n_ends + ends) * n_labels + self.labels
        _, first = np.unique(codes, return_index=True)
        return self if len(first) == len(self.rows) else self.kept(np.sort(first))

    def best(self, n: int) -> FoundSpans:
        """The labels of the highest probability of each candidate, at most n, in the same order."""
        ranked = np.lexsort((-self.confidences, self.rows))
        rows = self.rows[ranked]
        rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
        return self.kept(np.sort(ranked[rank < n]))

    def flat(self) -> FoundSpans:
        """By falling probability, in each document, those that do not overlap one before."""
        docs = self.candidates.doc_of[self.rows]
        taken = np.zeros(int(self.candidates.ends.max(initial=0)), dtype=bool)
        kept = []
        for place in np.lexsort((-self.confidences, docs)).tolist():
            row = self.rows[place]
            tokens = slice(self.candidates.starts[row], self.candidates.ends[row])
            if not taken[tokens].any():
                taken[tokens] = True
                kept.append(place)
        return self.kept(np.asarray(kept, dtype="int64"))

    def by_doc(self, docs: Sequence[Doc]) -> Iterator[tuple[slice, NDArray[np.int64]]]:
        """Of each document the part that is of it, and (n, 2) the first token of each span and the
        one after its last."""
        rows = np.stack([self.candidates.starts[self.rows], self.candidates.ends[self.rows]], 1)
        bounds = np.searchsorted(self.candidates.doc_of[self.rows], np.arange(len(docs) + 1))
        offsets = row_starts(doc_lengths(list(docs))).tolist()
        for begin, end, offset in zip(bounds[:-1], bounds[1:], offsets, strict=True):
            yield slice(begin, end), rows[begin:end] - offset

    def note(self, docs: Sequence[Doc], ids: Ids, layer: str) -> None:
        """Note the confidences, in place of what was noted of the layer before.

        ids: the hash of each label.
        """
        place = token_attributes(docs, ["IDX", "LENGTH"])
        starts = place[self.candidates.starts[self.rows], 0]
        ends = place[self.candidates.ends[self.rows] - 1].sum(axis=1)
        table = np.stack([starts, ends, ids[self.labels]], axis=1)
        for doc, (part, _) in zip(docs, self.by_doc(docs), strict=True):
            note_spans(doc, layer, table[part], self.confidences[part], keep=False)
