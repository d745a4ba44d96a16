"""Which candidates are gold spans: the annotation of a span group beside what was proposed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spacy.training import Example
from spacy.util import minibatch

from ..models.candidates import Candidates, Suggester, suggest
from ..models.packed import doc_lengths, row_starts
from .alignment import index_of, once_aligned, same_tokens
from .spans import Ids

UNKNOWN = -1  # the label of a gold span that is none of the task's
MISSING = -2  # stands for the label of tokens of which nothing is known
BATCH = 1000  # documents

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class GoldCandidates:
    """What the references of a batch say of its candidates.

    labelled: (n_candidates,) whether anything is said. Not of those of a document without the
        group, nor of those that touch a gold span, or a token, that does not align.
    span: (n_candidates,) the number of the gold span that each is, -1 for none.
    labels: (n_spans, n_labels) those of each gold span, as spans of different borders.
    unknown: (n_spans,) whether it has a label that is none of the task's.
    """

    labelled: Bools
    span: NDArray[np.int64]
    labels: Bools
    unknown: Bools

    @classmethod
    def of(
        cls, examples: Sequence[Example], candidates: Candidates, ids: Ids, key: str
    ) -> GoldCandidates:
        """ids: the hash of each label. key: of the span group."""
        lengths = doc_lengths([example.predicted for example in examples])
        n_tokens = int(lengths.sum())
        there = np.asarray([key in eg.reference.spans for eg in examples], dtype=bool)
        starts, ends, kinds = _gold_rows(examples, ids, key, row_starts(lengths)).T
        missing = kinds == MISSING
        gaps = np.zeros(n_tokens + 1, dtype="int64")  # before each row, how many tokens are missing
        gaps[1:] = _covered(starts[missing], ends[missing], n_tokens).cumsum()
        untouched = gaps[candidates.ends] == gaps[candidates.starts]
        borders, place = np.unique(
            _codes(starts[~missing], ends[~missing], n_tokens), return_inverse=True
        )
        kinds = kinds[~missing]
        known = kinds != UNKNOWN
        labels = np.zeros((len(borders), len(ids)), dtype=bool)
        labels[place[known], kinds[known]] = True
        unknown = np.zeros(len(borders), dtype=bool)
        unknown[place[~known]] = True
        span = _find(_codes(candidates.starts, candidates.ends, n_tokens), borders)
        return cls(there[candidates.doc_of] & untouched, span, labels, unknown)


def gold_spans(example: Example, ids: Ids, key: str) -> NDArray[np.int64]:
    """(n, 3) the first predicted token of each gold span, the one after its last, and the place of
    its label in `ids`, or `UNKNOWN`.

    Where the tokens of the sides differ, spans are aligned as `Example.get_aligned_spans_y2x`
    does it. Predicted tokens of spans that do not align, and those that are not in the reference,
    are among the rows as `MISSING`.
    """
    spans = example.reference.spans.get(key, ())
    rows = np.asarray([(s.start, s.end, s.label) for s in spans], dtype="uint64").reshape(-1, 3)

    def align() -> NDArray[np.int64]:
        return _aligned(example, ids, key)

    if not same_tokens(example):
        return once_aligned(example, ("candidates", key, ids.tobytes()), rows, align)
    gold = rows.astype("int64")
    gold[:, 2] = index_of(rows[:, 2], ids)
    return gold


def _aligned(example: Example, ids: Ids, key: str) -> NDArray[np.int64]:
    rows = []
    for span in example.reference.spans.get(key, ()):
        found = example.get_aligned_spans_y2x([span], allow_overlap=True)
        kind = int(index_of(np.asarray([span.label], dtype="uint64"), ids)[0])
        rows += [(own.start, own.end, kind) for own in found]
        if not found:
            tokens = np.asarray(example.alignment.y2x[span.start : span.end], dtype="int64")
            rows += [(token, token + 1, MISSING) for token in tokens.tolist()]
    # spaCy's alignment may have a row more, for white space at the end of the last token
    counts = np.asarray(example.alignment.x2y.lengths)[: len(example.predicted)]
    rows += [(token, token + 1, MISSING) for token in np.flatnonzero(counts == 0).tolist()]
    return np.asarray(rows, dtype="int64").reshape(-1, 3)


def candidate_recall(
    suggester: Suggester, examples: Iterable[Example], key: str
) -> tuple[int, int]:
    """How many of the gold spans of a group are among the candidates, and how many there are,
    spans of the same borders counted once.

    RAISES (MTLError): See `suggest`.
    """
    found = total = 0
    for batch in minibatch(examples, BATCH):
        docs = [example.predicted for example in batch]
        gold = GoldCandidates.of(batch, suggest(suggester, docs), _NO_IDS, key)
        found += len(np.unique(gold.span[gold.span >= 0]))
        total += len(gold.labels)
    return found, total


_NO_IDS = np.zeros(0, dtype="uint64")


def _gold_rows(
    examples: Sequence[Example], ids: Ids, key: str, offsets: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(n, 3) `gold_spans` of all examples, in rows of the batch."""
    parts = [np.zeros((0, 3), dtype="int64")]
    for example, offset in zip(examples, offsets.tolist(), strict=True):
        parts.append(gold_spans(example, ids, key) + np.asarray([offset, offset, 0]))
    return np.concatenate(parts)


def _covered(starts: NDArray[np.int64], ends: NDArray[np.int64], n_tokens: int) -> Bools:
    """(n_tokens,) which are in one of these spans."""
    open_ = np.bincount(starts, minlength=n_tokens + 1) - np.bincount(ends, minlength=n_tokens + 1)
    covered: Bools = open_.cumsum()[:n_tokens] > 0
    return covered


def _codes(starts: NDArray[np.int64], ends: NDArray[np.int64], n_tokens: int) -> NDArray[np.int64]:
    """One number for each span."""
    return starts * (n_tokens + 1) + ends


def _find(values: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each value in sorted ones, -1 where it is not there."""
    if not len(known):
        return np.full(len(values), -1, dtype="int64")
    place = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return np.where(known[place] == values, place, -1)
