"""The pruned search against the full one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_mtl.models import best_path as module
from spacy_mtl.models.best_path import best_path
from spacy_mtl.models.biluo import FORBIDDEN, viterbi


def totals(scores, labels, lengths):
    """Each document's score, in double precision."""
    picked = scores[np.arange(len(labels)), labels].astype("float64")
    return np.asarray([part.sum() for part in np.split(picked, np.cumsum(lengths)[:-1])])


def assert_best(scores, lengths, valid_tags):
    """Valid, and of the highest score; with the very labels where there is no tie."""
    lengths = np.asarray(lengths, dtype="int32")
    before = scores.copy()
    found, expected = (search(np, scores, lengths) for search in (best_path, viterbi))
    assert found.shape == expected.shape and found.dtype == expected.dtype
    assert (scores == before).all()
    n_types = (scores.shape[1] - 1) // 4
    for labels in np.split(found, np.cumsum(lengths)[:-1]):
        assert valid_tags(labels.tolist(), n_types)
    if len(lengths):
        best = totals(scores, expected, lengths)
        np.testing.assert_allclose(totals(scores, found, lengths), best, rtol=1e-6, atol=1e-5)
    return found, expected


def confident(rng, shape, outside):
    """Scores like a trained model's: O far ahead at a share of tokens, now and then wrong."""
    scores = rng.normal(size=shape) * rng.choice([0.1, 1.0, 3.0], size=(shape[0], 1))
    scores[rng.random(shape[0]) < outside, 0] += rng.choice([1.0, 4.0, 10.0, 50.0])
    return scores


lengths_of_docs = st.lists(st.integers(0, 15), max_size=8)
seeds = st.integers(0, 2**31)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(lengths=lengths_of_docs, n_types=st.integers(1, 4), outside=st.floats(0, 1), seed=seeds)
def test_same_as_viterbi(valid_tags, lengths, n_types, outside, seed):
    rng = np.random.default_rng(seed)
    scores = confident(rng, (sum(lengths), 1 + 4 * n_types), outside).astype("f")
    found, expected = assert_best(scores, lengths, valid_tags)
    assert found.tolist() == expected.tolist()


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    lengths=lengths_of_docs,
    n_types=st.integers(0, 3),
    seed=seeds,
    scale=st.sampled_from([0.0, 1.0, 1e4]),
    lead=st.integers(0, 3),
)
def test_ties(valid_tags, lengths, n_types, seed, scale, lead):
    """Whole numbers, so that many paths are equally good."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(-2, 3, size=(sum(lengths), 1 + 4 * n_types)).astype("f")
    scores[:, 0] += lead
    assert_best(scores * np.float32(scale), lengths, valid_tags)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    lengths=st.lists(st.integers(0, 4), max_size=8),
    n_types=st.integers(1, 2),
    share=st.floats(0, 1),
    outside=st.floats(0, 1),
    seed=seeds,
)
def test_forbidden_labels(valid_tags, valid_paths, lengths, n_types, share, outside, seed):
    """At random, and at some tokens all but one; a valid path is left."""
    rng = np.random.default_rng(seed)
    scores = confident(rng, (sum(lengths), 1 + 4 * n_types), outside).astype("f")
    kept = [rng.choice(valid_paths(n_types, n)).tolist() for n in lengths]
    forbidden = rng.random(scores.shape) < share
    forbidden[rng.random(len(scores)) < share / 2] = True
    forbidden[np.arange(len(scores)), np.asarray(sum(kept, []), dtype=int)] = False
    scores[forbidden] = FORBIDDEN
    found, expected = assert_best(scores, lengths, valid_tags)
    assert not forbidden[np.arange(len(found)), found].any()
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("lengths", [[], [0], [0, 0, 0]])
@pytest.mark.parametrize("n_types", [0, 2])
def test_without_tokens(lengths, n_types, valid_tags):
    scores = np.zeros((0, 1 + 4 * n_types), dtype="f")
    assert_best(scores, lengths, valid_tags)


def test_without_types(valid_tags):
    found, _ = assert_best(np.ones((5, 1), dtype="f"), [2, 0, 3], valid_tags)
    assert not found.any()


# What is searched: columns are O, B, I, L and U

ONE = ["O", "B", "I", "L", "U"]


def scores_of(tags, lead=10.0):
    """With the columns of these tags ahead."""
    scores = np.zeros((len(tags), 5), dtype="f")
    scores[np.arange(len(tags)), [ONE.index(tag) for tag in tags]] = lead
    return scores


@pytest.fixture
def searched(monkeypatch):
    """How many tokens each call of Viterbi had."""
    calls = []

    def spy(xp, scores, lengths):
        calls.append(len(scores))
        return viterbi(xp, scores, lengths)

    monkeypatch.setattr(module, "viterbi", spy)
    return calls


def test_valid_labels_are_not_searched(searched):
    tags = [*"OOUBLOBIIL", *"BLU", *"O"]
    found = best_path(np, scores_of(tags), np.asarray([10, 0, 3, 1], dtype="int32"))
    assert [ONE[label] for label in found] == tags
    assert searched == []


def test_search_stays_near_to_what_is_wrong(searched, valid_tags):
    """Of 1000 tokens the run of three that is no entity, and what could mend it."""
    tags = ["O"] * 1000
    tags[10:12], tags[500:503], tags[900] = "BL", "BIO", "U"
    scores = scores_of(tags)
    sure = np.asarray(tags) == "O"
    sure[502] = False
    scores[sure, 0] += 20.0
    scores[502, ONE.index("L")] = 9.5
    found, expected = assert_best(scores, [600, 400], valid_tags)
    assert found.tolist() == expected.tolist()
    assert [ONE[label] for label in found[499:504]] == ["O", "B", "I", "L", "O"]
    assert [ONE[label] for label in found[898:902]] == ["O", "O", "U", "O"]
    assert searched == [2, 3]  # the run by itself, and with the doubtful token


def test_doubtful_tokens_are_searched_as_well(searched, valid_tags):
    """Not O is the best of the tokens in between, once both ends are seen together."""
    scores = scores_of([*"OBOOOLO"])
    scores[2:5, ONE.index("I")] = 9.0
    found, _ = assert_best(scores, [7], valid_tags)
    assert [ONE[label] for label in found] == [*"OBIIILO"]
    scores[2:5, ONE.index("I")] = 1.0
    found, _ = assert_best(scores, [7], valid_tags)
    assert [ONE[label] for label in found[2:5]] == [*"OOO"]


def test_documents_end_entities(searched, valid_tags):
    """What begins in one document cannot go on in the next."""
    scores = scores_of([*"OBILO"])
    scores[:, ONE.index("U")] = 1.0
    assert_best(scores, [5], valid_tags)
    assert searched == []
    found, expected = assert_best(scores, [2, 0, 3], valid_tags)
    assert found.tolist() == expected.tolist() != [0, 1, 2, 3, 0]
    assert searched
