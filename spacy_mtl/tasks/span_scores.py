"""What a task that finds labelled spans got right, from its spans and those of the reference."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
from spacy.tokens import Span

from ..confidences import span_confidence
from ..metrics.f_score import UNSEEN, Counts
from .confusion import Confusion

Triple = tuple[str, int, int]  # label, first token, token after the last
Sides = tuple[set[Triple], set[Triple]]  # gold, and found

NOT_FOUND = "(not found)"
NO_ENTITY = "(no entity)"


def span_counts(labels: Sequence[str], documents: Sequence[Sides]) -> Counts:
    """A span is right if its label and its borders are. Labels out of others count as one more."""
    names = (*labels, UNSEEN)
    place = {label: number for number, label in enumerate(names)}
    array = np.zeros((len(documents), len(names), 3), dtype="int64")
    for row, (gold, found) in enumerate(documents):
        for column, spans in enumerate((gold & found, found - gold, gold - found)):
            for label, _, _ in spans:
                array[row, place.get(label, place[UNSEEN]), column] += 1
    return Counts(array, names, "micro", "F")


def span_confusion(labels: Sequence[str], documents: Iterable[Sides]) -> Confusion:
    """By their borders: a gold span that nothing found has these is in the column `NOT_FOUND`, a
    found one where there is none in the row `NO_ENTITY`."""
    names = [*labels, UNSEEN]
    place = {label: number for number, label in enumerate(names)}
    none = len(names)
    counts = np.zeros((none + 1, none + 1), dtype="int64")
    for sides in documents:
        gold, found = (
            {(start, end): place.get(label, none - 1) for label, start, end in sorted(spans)}
            for spans in sides
        )
        for borders in gold.keys() | found.keys():
            counts[gold.get(borders, none), found.get(borders, none)] += 1
    return Confusion([*names, NO_ENTITY], [*names, NOT_FOUND], counts)


def noted_span_outcomes(
    spans: Iterable[Span], gold: Collection[Triple], found: Collection[Triple]
) -> Iterator[tuple[float, bool]]:
    """The confidence of each of a document's spans that has one and is among those `found`, and
    whether it is right."""
    for span in spans:
        key = (span.label_, span.start, span.end)
        confidence = span_confidence(span)
        if key in found and confidence is not None and not np.isnan(confidence):
            yield confidence, key in gold
