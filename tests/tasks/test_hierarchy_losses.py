import itertools

import numpy as np
import pytest

from spacy_mtl.tasks.hierarchy import Hierarchy
from spacy_mtl.tasks.hierarchy_losses import (
    log_probabilities,
    node_cross_entropy,
    path_cross_entropy,
    probabilities,
    tree_divergence,
)
from spacy_mtl.tasks.losses import binary_cross_entropy, sigmoid, softmax_cross_entropy

# Leaves on three levels, sets of one, two and three siblings, not in the order of the tree.
TREE = Hierarchy(["a/x/1", "b", "a/y", "c/w", "a/x/2", "c/w/3"], "/")
N = len(TREE.labels)
LEAVES = np.flatnonzero(TREE.is_leaf)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def scores_of(rng, n=4):
    return 2 * rng.normal(size=(n, N))


def columns(*labels):
    return np.isin(TREE.labels, labels)


def below(label):
    return TREE.paths[:, TREE.place[label]] & TREE.is_leaf


def test_probabilities_of_leaves_add_up_to_one_and_to_their_parents(rng):
    P = np.exp(log_probabilities(TREE, scores_of(rng)))
    np.testing.assert_allclose(P[:, LEAVES].sum(axis=1), 1.0)
    for label, place in TREE.place.items():
        np.testing.assert_allclose(P[:, below(label)].sum(axis=1), P[:, place])


def test_no_label_is_more_probable_than_those_above_it(rng):
    scores = scores_of(rng)
    P = probabilities(TREE, scores)
    for node, path in enumerate(TREE.paths):
        np.testing.assert_allclose(P[:, node], sigmoid(scores)[:, path].prod(axis=1))
        assert (P[:, node] <= P[:, path].min(axis=1)).all()


def test_loss_of_what_is_left_of_the_leaves(rng, numeric_gradient):
    scores = scores_of(rng, 8)
    left = rng.random((8, N)) < 0.5
    left[:, TREE.place["b"]] |= ~left[:, LEAVES].any(axis=1)
    P = np.exp(log_probabilities(TREE, scores))
    loss, d_scores = path_cross_entropy(TREE, scores, left)
    expected = -np.log((P * (left & TREE.is_leaf)).sum(axis=1)).sum()
    assert loss == pytest.approx(expected)
    numeric = numeric_gradient(lambda: path_cross_entropy(TREE, scores, left)[0], scores, 1e-5)
    np.testing.assert_allclose(d_scores, numeric, atol=1e-7)


def test_a_leaf_is_learned_on_its_own_path_alone(rng):
    scores = scores_of(rng, 1).astype("f")
    loss, d_scores = path_cross_entropy(TREE, scores, columns("a/x/2")[None])
    P = log_probabilities(TREE, scores)
    assert loss == pytest.approx(-float(P[0, TREE.place["a/x/2"]]), rel=1e-5)
    assert d_scores.dtype == np.float32
    assert (d_scores[0] != 0).tolist() == columns(
        "a", "b", "c", "a/x", "a/y", "a/x/1", "a/x/2"
    ).tolist()


def test_a_parent_alone_is_learned_on_its_level_alone(rng):
    """It leaves the shares of what is below it as they are, exactly."""
    scores = scores_of(rng, 50).astype("f")
    left = np.repeat(below("a")[None], 50, axis=0)
    loss, d_scores = path_cross_entropy(TREE, scores, left)
    top = columns("a", "b", "c")
    assert not d_scores[:, ~top].any() and d_scores[:, top].all()
    flat, expected = softmax_cross_entropy(
        scores[:, top],
        np.full(50, np.flatnonzero(TREE.place["a"] == np.flatnonzero(top))[0]),
        np.ones(50, dtype=bool),
    )
    assert loss == pytest.approx(flat, rel=1e-5)
    np.testing.assert_allclose(d_scores[:, top], expected, atol=1e-6)


def test_documents_that_say_nothing(rng):
    scores = scores_of(rng).astype("f")
    everything = np.ones(scores.shape, dtype=bool)
    loss, d_scores = path_cross_entropy(TREE, scores, everything, smoothing=0.1)
    assert loss == 0.0 and not d_scores.any()
    loss, d_scores = node_cross_entropy(TREE, scores, np.zeros_like(scores), ~everything)
    assert loss == 0.0 and not d_scores.any()


def test_leaves_of_what_the_corpus_knows(rng, numeric_gradient):
    """The softmax of each set of siblings is over those that it knows, if any."""
    known = columns("a", "b", "a/x", "a/x/1")
    choices = TREE.choices(known[None])
    scores = scores_of(rng, 1)
    left = columns("a/x/1")[None]
    loss, d_scores = path_cross_entropy(TREE, scores, left, choices)
    a, b = scores[0, TREE.place["a"]], scores[0, TREE.place["b"]]
    assert loss == pytest.approx(np.log1p(np.exp(b - a)))
    assert (d_scores[0] != 0).tolist() == columns("a", "b").tolist()
    numeric = numeric_gradient(
        lambda: path_cross_entropy(TREE, scores, left, choices)[0], scores, 1e-5
    )
    np.testing.assert_allclose(d_scores, numeric, atol=1e-7)


def test_smoothing_is_among_siblings(rng):
    scores = scores_of(rng, 2)
    left = np.stack([columns("a/x/1"), below("a")])
    plain, d_plain = path_cross_entropy(TREE, scores, left)
    loss, d_scores = path_cross_entropy(TREE, scores, left, smoothing=0.2)
    assert loss == plain
    moved = d_scores - d_plain
    expected = {"a": 0.2, "b": -0.1, "c": -0.1, "a/x": 0.2, "a/y": -0.2, "a/x/1": 0.2}
    expected["a/x/2"] = -0.2
    np.testing.assert_allclose(moved[0], [expected.get(k, 0.0) for k in TREE.labels], atol=1e-12)
    top = columns("a", "b", "c")
    np.testing.assert_allclose(moved[1, top], moved[0, top])
    assert not d_scores[1, ~top].any()


def worlds():
    """All sets of labels that a document can have: none without those above it."""
    for bits in itertools.product([False, True], repeat=N):
        there = np.asarray(bits)
        if not (there & ~np.append(there, True)[TREE.parent]).any():
            yield there


def test_loss_of_any_labels_is_that_of_all_that_a_document_may_have(rng, numeric_gradient):
    scores = scores_of(rng, 6)
    gold = TREE.any_of(rng.random((6, N)) < 0.1, rng.random((6, N)) < 0.3)
    truths, mask = np.nan_to_num(gold), ~np.isnan(gold)
    P = sigmoid(scores)
    likelihood, total = np.zeros(6), np.zeros(6)
    for there in worlds():
        open_ = np.append(there, True)[TREE.parent]
        each = np.where(open_, np.where(there, P, 1 - P), 1.0).prod(axis=1)
        total += each
        likelihood += each * ((there == truths) | ~mask).all(axis=1)
    np.testing.assert_allclose(total, 1.0)
    loss, d_scores = node_cross_entropy(TREE, scores, truths, mask)
    assert loss == pytest.approx(-np.log(likelihood).sum())
    numeric = numeric_gradient(
        lambda: node_cross_entropy(TREE, scores, truths, mask)[0], scores, 1e-5
    )
    np.testing.assert_allclose(d_scores, numeric, atol=1e-7)


def test_levels_of_which_nothing_is_known_get_no_gradient(rng):
    scores = scores_of(rng, 3).astype("f")
    applies = np.stack([columns("a"), columns("a/x"), columns()])
    gold = TREE.any_of(applies, np.stack([columns(), columns("c"), columns("a")]))
    _, d_scores = node_cross_entropy(TREE, scores, np.nan_to_num(gold), ~np.isnan(gold))
    learned = [columns("a"), columns("a", "a/x", "c"), columns("a")]
    assert (d_scores != 0).tolist() == np.stack(learned).tolist()


def test_a_tree_of_one_level_is_no_tree(rng):
    flat = Hierarchy(["a", "b", "c"], "/")
    scores = rng.normal(size=(4, 3))
    gold = np.asarray([0, 2, 1, 1])
    expected = softmax_cross_entropy(scores, gold, np.ones(4, dtype=bool), smoothing=0.1)
    loss, d_scores = path_cross_entropy(flat, scores, np.eye(3, dtype=bool)[gold], smoothing=0.1)
    assert loss == pytest.approx(expected[0])
    np.testing.assert_allclose(d_scores, expected[1])
    truths, mask = np.eye(3)[gold], rng.random((4, 3)) < 0.5
    expected = binary_cross_entropy(scores, truths, mask)
    loss, d_scores = node_cross_entropy(flat, scores, truths, mask)
    assert loss == pytest.approx(expected[0])
    np.testing.assert_allclose(d_scores, expected[1])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e3, 1e30])
def test_extreme_scores(size):
    """As those at the beginning of a training that has gone wrong; nothing becomes NaN."""
    scores = np.where(columns("a", "a/x", "b"), size, -size)[None].astype("f")
    for label in TREE.labels:
        _, d_scores = path_cross_entropy(TREE, scores, below(label)[None], smoothing=0.1)
        assert np.isfinite(d_scores).all()
        gold = TREE.any_of(columns(label)[None], columns("a/x/2")[None])
        _, d_scores = node_cross_entropy(TREE, scores, np.nan_to_num(gold), ~np.isnan(gold))
        assert np.isfinite(d_scores).all()


def test_divergence_where_each_document_has_one_leaf(rng, numeric_gradient):
    scores, taught = scores_of(rng), scores_of(rng)
    mask = np.asarray([True, False, True, True])
    loss, d_scores = tree_divergence(TREE, scores, taught, mask, True)
    log_p, log_q = (log_probabilities(TREE, each)[:, LEAVES] for each in (scores, taught))
    expected = (np.exp(log_q) * (log_q - log_p))[mask].sum()
    assert loss == pytest.approx(expected)
    numeric = numeric_gradient(lambda: tree_divergence(TREE, scores, taught, mask, True)[0], scores)
    np.testing.assert_allclose(d_scores, numeric, atol=1e-3)
    assert not d_scores[1].any()


def test_divergence_where_documents_have_any_labels(rng, numeric_gradient):
    tree = Hierarchy(["a", "a/x", "b"], "/")
    scores, taught = rng.normal(size=(2, 1, 3))
    mask = np.ones((1, 3), dtype=bool)

    def joint(each):
        """The probability of each set of labels that goes with the tree."""
        a, x, b = sigmoid(each)[0]
        of_a = np.asarray([1 - a, a * (1 - x), a * x])
        return np.outer(of_a, [1 - b, b])

    P, Q = joint(scores), joint(taught)
    loss, d_scores = tree_divergence(tree, scores, taught, mask, False)
    assert loss == pytest.approx((Q * np.log(Q / P)).sum())
    numeric = numeric_gradient(
        lambda: tree_divergence(tree, scores, taught, mask, False)[0], scores
    )
    np.testing.assert_allclose(d_scores, numeric, atol=1e-3)
    assert tree_divergence(tree, taught, taught, mask, False)[0] == 0
