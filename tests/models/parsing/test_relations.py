"""Scores of relations to heads, and the way back."""

import numpy as np
from thinc.api import NumpyOps

from spacy_mtl.models.parsing.relations import PARTS, Relations, column_names

OPS = NumpyOps()


def test_columns():
    assert column_names(["a", "b"]) == [f"{part}-{label}" for part in PARTS for label in "ab"]
    assert column_names([]) == []


def test_score():
    """Word 2 is below word 1, which is below word 0, as word 3 is."""
    u, left, v, b, child, sibling = range(len(PARTS))
    scores = np.random.default_rng(0).normal(size=(4, len(PARTS)))
    heads = np.asarray([0, 0, 1, 0])
    found = Relations(OPS, scores, heads, np.asarray([1, 2])).S
    first = scores[1, u] * (1 + scores[0, v]) + scores[0, b] + scores[1, left]
    first += scores[2, child] + scores[1, sibling] + scores[3, sibling]
    second = scores[2, u] * (1 + scores[1, v]) + scores[1, b] + scores[2, left]
    second += scores[2, sibling]
    np.testing.assert_allclose(found, [[first], [second]], rtol=1e-6)


def test_to_the_right():
    scores = np.zeros((2, len(PARTS)))
    scores[:, 1] = 5.0
    assert Relations(OPS, scores, np.asarray([1, 1]), np.asarray([0])).S.tolist() == [[0.0]]
    assert Relations(OPS, scores, np.asarray([0, 0]), np.asarray([1])).S.tolist() == [[5.0]]


def test_gradient_with_a_head_of_several(numeric_gradient):
    rng = np.random.default_rng(0)
    scores, weights = rng.normal(size=(5, 2 * len(PARTS))), rng.normal(size=(3, 2))
    words, heads = np.asarray([0, 1, 3]), np.asarray([1, 3, 1, 3, 1])
    d_scores = np.zeros_like(scores)
    Relations(OPS, scores, heads, words).backprop(weights, d_scores)

    def total():
        return float((Relations(OPS, scores, heads, words).S * weights).sum())

    np.testing.assert_allclose(d_scores, numeric_gradient(total, scores), atol=1e-4)


def test_a_relation_that_is_added_learns():
    """Its columns begin at zero, and have a gradient there."""
    scores = np.zeros((2, len(PARTS)))
    d_scores = np.zeros_like(scores)
    arc = Relations(OPS, scores, np.asarray([1, 1]), np.asarray([0]))
    arc.backprop(np.ones((1, 1)), d_scores)
    assert d_scores.tolist() == [[1, 0, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0]]
