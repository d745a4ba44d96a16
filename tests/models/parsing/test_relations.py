"""Scores of relations to heads, and the way back."""

import numpy as np
from thinc.api import NumpyOps

from spacy_mtl.models.parsing.relations import backprop_relations, column_names, relation_scores

OPS = NumpyOps()


def test_columns():
    assert column_names(["a", "b"]) == [
        "dependent-a",
        "dependent-b",
        "head-times-a",
        "head-times-b",
        "head-plus-a",
        "head-plus-b",
    ]
    assert column_names([]) == []


def test_score():
    scores = np.asarray([[1.0, 2.0, 9, 9, 9, 9], [9, 9, 3.0, 4.0, 5.0, 6.0]])
    found = relation_scores(scores, np.asarray([0]), np.asarray([1]))
    assert found.tolist() == [[1 * (1 + 3) + 5, 2 * (1 + 4) + 6]]


def test_gradient_with_a_head_of_several(numeric_gradient):
    rng = np.random.default_rng(0)
    scores, weights = rng.normal(size=(4, 6)), rng.normal(size=(3, 2))
    words, heads = np.asarray([0, 1, 3]), np.asarray([1, 3, 1])
    d_scores = np.zeros_like(scores)
    backprop_relations(OPS, weights, scores, words, heads, d_scores)

    def total():
        return float((relation_scores(scores, words, heads) * weights).sum())

    np.testing.assert_allclose(d_scores, numeric_gradient(total, scores), atol=1e-4)


def test_a_relation_that_is_added_learns():
    """Its columns begin at zero, and have a gradient there."""
    scores = np.zeros((2, 3))
    d_scores = np.zeros_like(scores)
    backprop_relations(OPS, np.ones((1, 1)), scores, np.asarray([0]), np.asarray([1]), d_scores)
    assert d_scores[0, 0] == 1.0
    assert d_scores[1, 2] == 1.0
