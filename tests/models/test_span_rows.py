import numpy as np

from spacy_mtl.models.span_rows import SpanRows

# Columns of two types: O, B-0, B-1, I-0, I-1, L-0, L-1, U-0, U-1.
LABELS = np.asarray([1, 5, 0, 8, 2, 4, 6, 7, 0], dtype="int32")


def test_spans_of_columns():
    spans = SpanRows.of(np, LABELS, 2)
    assert spans.rows.tolist() == [0, 1, 3, 4, 5, 6, 7]
    assert spans.labels.tolist() == [1, 5, 8, 2, 4, 6, 7]
    assert spans.span.tolist() == [0, 0, 1, 2, 2, 2, 3]
    assert spans.first.tolist() == [0, 3, 4, 7]
    assert spans.last.tolist() == [1, 3, 6, 7]
    assert spans.kinds.tolist() == [0, 1, 1, 0]


def test_sums():
    spans = SpanRows.of(np, LABELS, 2)
    assert spans.sum(np, np.asarray([1, 2, 4, 8, 16, 32, 64])).tolist() == [3, 4, 56, 64]
    assert spans.sum(np, spans.labels == 5).tolist() == [1, 0, 0, 0]


def test_none():
    for labels, n_types in ((np.zeros(4, dtype="int32"), 2), (np.zeros(0, dtype="int32"), 0)):
        spans = SpanRows.of(np, labels, n_types)
        assert len(spans.first) == len(spans.rows) == 0
        assert spans.sum(np, spans.labels).tolist() == []
