import numpy as np
from spacy.pipeline.spancat import build_ngram_suggester

from spacy_mtl.models.candidates import Candidates, suggest
from spacy_mtl.tasks.found_spans import FoundSpans


def found(candidates, rows, labels, confidences):
    return FoundSpans(
        candidates,
        np.asarray(rows, dtype="int64"),
        np.asarray(labels, dtype="int64"),
        np.asarray(confidences, dtype="f"),
        lambda: np.zeros(0),
    )


def as_rows(spans):
    return list(zip(spans.rows.tolist(), spans.labels.tolist(), strict=True))


def test_the_best_labels_of_each_candidate_in_their_order(make_doc):
    candidates = suggest(build_ngram_suggester([1]), [make_doc("a b"), make_doc("c")])
    spans = found(candidates, [0, 0, 0, 2, 2], [0, 1, 2, 0, 1], [0.6, 0.9, 0.7, 0.8, 0.9])
    assert as_rows(spans.best(1)) == [(0, 1), (2, 1)]
    assert as_rows(spans.best(2)) == [(0, 1), (0, 2), (2, 0), (2, 1)]
    assert as_rows(spans.best(9)) == as_rows(spans)
    assert as_rows(found(candidates, [], [], []).best(1)) == []


def test_spans_that_do_not_overlap(make_doc):
    """The most probable ones, first, in each document; ones that only touch stay."""
    docs = [make_doc("a b c"), make_doc("d e")]
    candidates = suggest(build_ngram_suggester([1, 2]), docs)
    starts, ends = candidates.starts.tolist(), candidates.ends.tolist()
    rows = {span: i for i, span in enumerate(zip(starts, ends, strict=True))}
    chosen = [rows[0, 1], rows[2, 3], rows[0, 2], rows[1, 3], rows[3, 4], rows[3, 5]]
    flat = found(candidates, chosen, [0] * 6, [0.6, 0.7, 0.9, 0.8, 0.5, 0.4]).flat()
    assert [(starts[row], ends[row]) for row in flat.rows] == [(0, 2), (2, 3), (3, 4)]
    np.testing.assert_allclose(flat.confidences, [0.9, 0.7, 0.5])
    assert as_rows(found(candidates, [], [], []).flat()) == []


def test_each_span_once():
    starts, ends = np.asarray([1, 0, 1, 1]), np.asarray([2, 1, 2, 3])
    candidates = Candidates(starts, ends, np.asarray([4]))
    spans = found(candidates, [0, 0, 1, 2, 2, 3], [0, 1, 0, 0, 2, 0], [0.5] * 6)
    assert as_rows(spans.once()) == [(0, 0), (0, 1), (1, 0), (2, 2), (3, 0)]
    assert as_rows(found(candidates, [], [], []).once()) == []


def test_by_document(make_doc):
    docs = [make_doc("a b"), make_doc(""), make_doc("c"), make_doc("d e f")]
    candidates = suggest(build_ngram_suggester([1]), docs)
    spans = found(candidates, [1, 3, 5], [0, 0, 0], [0.5] * 3)
    parts = [(part.start, part.stop, rows.tolist()) for part, rows in spans.by_doc(docs)]
    assert parts == [(0, 1, [[1, 2]]), (1, 1, []), (1, 1, []), (1, 3, [[0, 1], [2, 3]])]
