"""Decoding and marginals against the enumeration of all valid sequences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_mtl.models import biluo
from spacy_mtl.models.span_rows import SpanRows

# Types, and the length up to which all their sequences can be listed.
SIZES = [(0, 6), (1, 5), (2, 4), (3, 3)]


def n_columns(n_types):
    return 1 + 4 * n_types


def random_batch(n_types, longest, seed, n_docs=12):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, longest + 1, size=n_docs).astype("int32")
    scores = rng.normal(size=(int(lengths.sum()), n_columns(n_types)))
    return lengths, scores.astype("float32")


def split(rows, lengths):
    return np.split(rows, np.cumsum(lengths)[:-1])


def path_scores(scores, paths):
    return scores[np.arange(len(scores)), paths].sum(axis=1)


def constrain(scores, lengths, n_types, valid_paths, seed):
    """Rule out labels at random, and at some tokens all but one, leaving one path at least."""
    rng = np.random.default_rng(seed)
    scores = scores.copy()
    for rows in split(scores, lengths):
        paths = valid_paths(n_types, len(rows))
        kept = paths[rng.integers(len(paths))]
        forbidden = rng.random(rows.shape) < 0.3
        forbidden[rng.random(len(rows)) < 0.4] = True
        forbidden[np.arange(len(rows)), kept] = False
        rows[forbidden] = biluo.FORBIDDEN
    return scores


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("n_types, longest", SIZES)
def test_viterbi_is_the_best_of_all_paths(n_types, longest, constrained, valid_paths):
    for seed in range(15):
        lengths, scores = random_batch(n_types, longest, seed)
        if constrained:
            scores = constrain(scores, lengths, n_types, valid_paths, seed)
        labels = biluo.viterbi(np, scores, lengths)
        assert labels.shape == (len(scores),)
        for rows, found in zip(split(scores, lengths), split(labels, lengths), strict=True):
            paths = valid_paths(n_types, len(rows))
            totals = path_scores(rows.astype("float64"), paths)
            assert found.tolist() == paths[totals.argmax()].tolist()


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    lengths=st.lists(st.integers(0, 20), max_size=8),
    n_types=st.integers(0, 4),
    seed=st.integers(0, 2**31),
    scale=st.sampled_from([0.0, 1.0, 1e4]),
)
def test_no_invalid_sequence_comes_out(valid_tags, lengths, n_types, seed, scale):
    lengths = np.asarray(lengths, dtype="int32")
    shape = (int(lengths.sum()), n_columns(n_types))
    # Whole numbers, so that many paths are equally good.
    scores = np.random.default_rng(seed).integers(-2, 3, size=shape).astype("float32") * scale
    labels = biluo.viterbi(np, scores, lengths)
    ends = np.cumsum(lengths)
    for begin, end in zip(ends - lengths, ends, strict=True):
        assert valid_tags(labels[begin:end].tolist(), n_types)


def dense_viterbi(scores, n_types):
    """The textbook's algorithm, with a matrix of allowed transitions between labels."""
    kinds = np.arange(1, n_columns(n_types)) - 1
    opens = [False] + (kinds // max(n_types, 1) <= 1).tolist()  # B and I leave it open
    follows = [False] + ((kinds // max(n_types, 1) == 1) | (kinds // max(n_types, 1) == 2)).tolist()
    kind = [-1] + (kinds % max(n_types, 1)).tolist()
    n = len(kind)
    allowed = np.asarray(
        [
            [opens[a] == follows[b] and (not opens[a] or kind[a] == kind[b]) for b in range(n)]
            for a in range(n)
        ]
    )
    best = np.where(follows, -np.inf, scores[0])
    pointers = []
    for row in scores[1:]:
        ways = np.where(allowed, best[:, None], -np.inf)
        pointers.append(ways.argmax(axis=0))
        best = ways.max(axis=0) + row
    path = [int(np.where(opens, -np.inf, best).argmax())]
    for pointer in reversed(pointers):
        path.append(int(pointer[path[-1]]))
    return path[::-1]


def test_long_document_among_short_ones():
    lengths = np.asarray([1, 0, 400, 2, 399, 0, 3], dtype="int32")
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(lengths.sum(), n_columns(3))).astype("float32")
    labels = biluo.viterbi(np, scores, lengths)
    for rows, found in zip(split(scores, lengths), split(labels, lengths), strict=True):
        if len(rows):
            assert found.tolist() == dense_viterbi(rows.astype("float64"), 3)


def test_only_allowed_path_of_a_long_document():
    entity = [1, 3, 3, 3, 5]  # B0 I0 I0 I0 L0 of two types
    path = np.asarray(([0] * 3 + entity + [8] + [2, 6]) * 100)
    scores = np.full((len(path), n_columns(2)), biluo.FORBIDDEN, dtype="float32")
    scores[np.arange(len(path)), path] = -50.0
    lengths = np.asarray([len(path)], dtype="int32")
    assert biluo.viterbi(np, scores, lengths).tolist() == path.tolist()
    log_z, posterior = biluo.marginals(np, scores, lengths)
    assert log_z[0] == pytest.approx(-50.0 * len(path))
    np.testing.assert_allclose(posterior[np.arange(len(path)), path], 1.0)


def test_one_fixed_token_against_strong_scores():
    scores = np.zeros((9, n_columns(2)), dtype="float32")
    scores[:, 0] = 1e4
    inside = 4  # I1
    scores[5] = biluo.FORBIDDEN
    scores[5, inside] = -1e4
    labels = biluo.viterbi(np, scores, np.asarray([9], dtype="int32")).tolist()
    assert labels == [0, 0, 0, 0, 2, inside, 6, 0, 0]


@pytest.mark.parametrize("lengths", [[], [0], [0, 0, 0]])
def test_nothing_to_decode(lengths):
    lengths = np.asarray(lengths, dtype="int32")
    scores = np.zeros((0, n_columns(2)), dtype="float32")
    assert biluo.viterbi(np, scores, lengths).shape == (0,)
    log_z, posterior = biluo.marginals(np, scores, lengths)
    assert log_z.tolist() == [0.0] * len(lengths)
    assert posterior.shape == scores.shape


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("n_types, longest", SIZES)
def test_marginals_are_sums_over_all_paths(n_types, longest, constrained, valid_paths):
    for seed in range(8):
        lengths, scores = random_batch(n_types, longest, seed)
        if constrained:
            scores = constrain(scores, lengths, n_types, valid_paths, seed)
        log_z, posterior = biluo.marginals(np, scores, lengths)
        assert posterior.dtype == log_z.dtype == np.float64
        for i, (rows, P) in enumerate(
            zip(split(scores, lengths), split(posterior, lengths), strict=True)
        ):
            paths = valid_paths(n_types, len(rows))
            totals = path_scores(rows.astype("float64"), paths)
            assert log_z[i] == pytest.approx(np.logaddexp.reduce(totals), abs=1e-9)
            expected = np.zeros(rows.shape)
            for path, share in zip(paths, np.exp(totals - log_z[i]), strict=True):
                expected[np.arange(len(path)), path] += share
            np.testing.assert_allclose(P, expected, atol=1e-9)


def test_posterior_is_the_gradient_of_log_z(numeric_gradient):
    lengths = np.asarray([3, 0, 7, 1], dtype="int32")
    scores = np.random.default_rng(0).normal(size=(11, n_columns(2)))
    numeric = numeric_gradient(
        lambda: biluo.marginals(np, scores, lengths)[0].sum(), scores, eps=1e-5
    )
    np.testing.assert_allclose(biluo.marginals(np, scores, lengths)[1], numeric, atol=1e-7)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(0, 200), min_size=1, max_size=5),
    n_types=st.integers(0, 3),
    scale=st.sampled_from([1.0, 100.0, 1e4]),
    seed=st.integers(0, 2**31),
)
def test_posteriors_are_probabilities(lengths, n_types, scale, seed):
    lengths = np.asarray(lengths, dtype="int32")
    scores = np.random.default_rng(seed).normal(size=(lengths.sum(), n_columns(n_types))) * scale
    log_z, posterior = biluo.marginals(np, scores.astype("float32"), lengths)
    assert np.isfinite(log_z).all()
    assert (posterior >= 0).all()
    np.testing.assert_allclose(posterior.sum(axis=1), 1.0, atol=1e-6)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(lengths=st.lists(st.integers(0, 9), max_size=9))
def test_timeline_visits_every_token_once(lengths):
    lengths = np.asarray(lengths, dtype="int32")
    timeline = biluo.Timeline.of(lengths)
    assert sorted(timeline.order.tolist()) == list(range(int(lengths.sum())))
    starts = np.cumsum(lengths) - lengths
    for position, (begin, end, rest) in enumerate(timeline.forwards()):
        docs = timeline.docs[begin:end]
        assert (timeline.order[begin:end] == starts[docs] + position).all()
        assert (lengths[docs] > position).all()
        assert ((lengths[docs] > position + 1) == (np.arange(len(docs)) < rest)).all()


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("n_types, longest", SIZES)
def test_span_marginals_are_shares_of_all_paths(n_types, longest, constrained, valid_paths):
    n_spans = 0
    for seed in range(15):
        lengths, scores = random_batch(n_types, longest, seed)
        if constrained:
            scores = constrain(scores, lengths, n_types, valid_paths, seed)
        labels = biluo.viterbi(np, scores, lengths)
        spans = SpanRows.of(np, labels, n_types)
        found = biluo.span_marginals(np, scores, lengths, spans)
        assert found.shape == spans.first.shape
        starts = (np.cumsum(lengths) - lengths).tolist()
        for first, last, probability in zip(spans.first, spans.last, found, strict=True):
            start = max(begin for begin in starts if begin <= first)
            doc = [i for i, begin in enumerate(starts) if begin == start and lengths[i]][0]
            rows = scores[start : start + lengths[doc]].astype("float64")
            paths = valid_paths(n_types, len(rows))
            weights = np.exp(path_scores(rows, paths))
            inside = slice(first - start, last + 1 - start)
            has = (paths[:, inside] == labels[first : last + 1]).all(axis=1)
            assert probability == pytest.approx(weights[has].sum() / weights.sum(), abs=1e-6)
            n_spans += 1
    assert n_spans > 20 or not n_types


def test_span_marginals_without_spans():
    scores = np.zeros((3, 5), dtype="float32")
    spans = SpanRows.of(np, np.zeros(3, dtype="int32"), 1)
    assert biluo.span_marginals(np, scores, np.asarray([3], dtype="int32"), spans).shape == (0,)
