"""The likelihood with spans that are not there, against sums over all paths one by one."""

import numpy as np
import pytest

from spacy_mtl.tasks.crf import crf_loss


def has_span(paths, first, last, kind, n_types):
    """Which paths have this span, in rows of their own document."""
    labels = [1, *[2] * (last - first - 1), 3] if last > first else [4]
    own = 1 + (np.asarray(labels) - 1) * n_types + kind
    return (paths[:, first : last + 1] == own).all(axis=1)


def drawn(rng, lengths, n_types, valid_paths, n_spans, share=0.0):
    """Rejected spans by document, and gold columns of a path that avoids them, partly masked."""
    spans, classes, mask = [], [], []
    for length in lengths:
        own = set()
        for _ in range(n_spans if length else 0):
            first, last = sorted(rng.integers(length, size=2))
            own.add((int(first), int(last), int(rng.integers(n_types))))
        paths = valid_paths(n_types, length)
        for span in own:
            paths = paths[~has_span(paths, *span, n_types)]
        classes.append(paths[rng.integers(len(paths))])
        mask.append(rng.random(length) < share)
        spans.append(sorted(own))
    return spans, np.concatenate(classes), np.concatenate(mask)


def as_rows(spans, lengths):
    starts = np.cumsum([0, *lengths])
    rows = [
        (start + first, start + last, kind)
        for start, own in zip(starts, spans, strict=False)
        for first, last, kind in own
    ]
    return np.asarray(rows, dtype="int64").reshape(-1, 3)


@pytest.mark.parametrize("share", [0.0, 0.4])
@pytest.mark.parametrize("n_types, longest, n_spans", [(1, 6, 1), (1, 6, 5), (2, 4, 3), (3, 3, 6)])
def test_the_sum_is_over_all_paths_without_the_spans(n_types, longest, n_spans, share, valid_paths):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        lengths = rng.integers(0, longest + 1, size=6).astype("int32")
        spans, classes, mask = drawn(rng, lengths, n_types, valid_paths, n_spans, share)
        spans[-1] = []  # a document of which nothing, or only labels, is known
        scores = rng.normal(scale=2, size=(len(classes), 1 + 4 * n_types))
        expected, begin = 0.0, 0
        for length, own in zip(lengths, spans, strict=True):
            rows = slice(begin, begin + length)
            begin += length
            paths = valid_paths(n_types, length)
            totals = scores[rows][np.arange(length), paths].sum(axis=1)
            agree = (paths == classes[rows])[:, mask[rows]].all(axis=1)
            for span in own:
                agree &= ~has_span(paths, *span, n_types)
            expected += np.logaddexp.reduce(totals) - np.logaddexp.reduce(totals[agree])
        rejected = as_rows(spans, lengths)
        loss, d_scores = crf_loss(scores, classes, mask, lengths, rejected=rejected)
        assert loss == pytest.approx(expected, abs=1e-9)
        assert d_scores.shape == scores.shape
        np.testing.assert_allclose(d_scores.sum(axis=1), 0.0, atol=1e-9)


def test_gradient(valid_paths, numeric_gradient):
    rng = np.random.default_rng(1)
    lengths = np.asarray([4, 0, 3, 1, 5], dtype="int32")
    spans, classes, mask = drawn(rng, lengths, 2, valid_paths, 4, share=0.2)
    scores, rejected = rng.normal(size=(13, 9)), as_rows(spans, lengths)
    numeric = numeric_gradient(
        lambda: crf_loss(scores, classes, mask, lengths, rejected=rejected)[0], scores, eps=1e-5
    )
    d_scores = crf_loss(scores, classes, mask, lengths, rejected=rejected)[1]
    assert np.abs(d_scores).max() > 0.1
    np.testing.assert_allclose(d_scores, numeric, atol=1e-7)


def test_a_span_that_is_all_but_certain_has_a_finite_gradient():
    """Nothing is subtracted, so that nothing is cancelled."""
    scores = np.zeros((3, 5))
    scores[[0, 1, 2], [1, 2, 3]] = 40.0  # B I L
    rejected = np.asarray([[0, 2, 0]])
    nothing = np.zeros(3, dtype=bool)
    loss, d_scores = crf_loss(scores, np.zeros(3, "i"), nothing, np.asarray([3]), rejected=rejected)
    # No other path has more than one of the three labels: 80 less than it, some of them as good.
    assert 78 < loss < 80
    assert np.isfinite(d_scores).all() and d_scores[1, 2] == pytest.approx(1.0)


def test_types_that_a_corpus_does_not_know_take_no_part():
    scores = np.random.default_rng(0).normal(size=(3, 9))
    nothing, lengths = np.zeros(3, dtype=bool), np.asarray([3])
    known = np.ones((3, 9), dtype=bool)
    known[:, [1, 3, 5, 7]] = False  # the first type
    about_unknown = np.asarray([[0, 1, 0]])
    about_known = np.asarray([[0, 1, 1]])
    args = (scores, np.zeros(3, "i"), nothing, lengths, known)
    assert crf_loss(*args, about_unknown)[0] == pytest.approx(0.0)
    loss, d_scores = crf_loss(*args, about_known)
    alone = crf_loss(scores[:, ::2], np.zeros(3, "i"), nothing, lengths, None, about_unknown)
    assert loss == pytest.approx(alone[0])
    assert not d_scores[~known].any()
