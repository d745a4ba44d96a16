"""The confidences of decoded spans: beside the gold annotation, and noted on documents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import to_numpy

from ..confidences import note_spans
from ..models.packed import doc_lengths, token_attributes
from ..models.span_rows import SpanRows
from .scored import Decoded
from .spans import Ids
from .targets import ColumnTargets


def span_outcomes(
    decoded: Decoded, targets: ColumnTargets, n_types: int
) -> tuple[NDArray, NDArray[np.bool_]]:
    """The probability of each decoded span on labelled tokens, and whether it is in the gold.

    Left out are spans without a probability, and those of a type that their corpus does not know.
    """
    confidences, labels = to_numpy(decoded.confidences), to_numpy(decoded.labels)
    spans = SpanRows.of(np, labels, n_types)
    labelled = to_numpy(targets.mask)[spans.rows]
    if targets.known is not None:
        labelled &= to_numpy(targets.known)[spans.rows, spans.labels]
    wrong = to_numpy(targets.classes)[spans.rows] != spans.labels
    counted = (spans.sum(np, ~labelled) == 0) & ~np.isnan(confidences)
    return confidences[counted], (spans.sum(np, wrong) == 0)[counted]


def note_decoded_spans(
    docs: Sequence[Doc], decoded: Decoded, ids: Ids, layer: str, keep: bool
) -> None:
    """Note the probabilities of the decoded spans that have one.

    ids: the hash of each type. layer, keep: see `note_spans`.
    """
    confidences = to_numpy(decoded.confidences)
    spans = SpanRows.of(np, to_numpy(decoded.labels), len(ids))
    place = token_attributes(docs, ["IDX", "LENGTH"])
    ends = place[spans.last].sum(axis=1)
    table = np.stack([place[spans.first, 0], ends, ids[spans.kinds]], axis=1)
    # Each document's part: spans are in the order of their first tokens.
    bounds = np.searchsorted(spans.first, np.cumsum([0, *doc_lengths(list(docs))]))
    for doc, begin, end in zip(docs, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        new = ~np.isnan(confidences[begin:end])
        note_spans(doc, layer, table[begin:end][new], confidences[begin:end][new], keep)
