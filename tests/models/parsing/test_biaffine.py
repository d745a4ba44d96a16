"""Scores of the arcs of a sentence, and the way back."""

import numpy as np
import pytest

from spacy_mtl.models.parsing.biaffine import COLUMNS, RANK, Arcs


def scores_of(n_words, seed=0):
    return np.random.default_rng(seed).normal(size=(n_words, len(COLUMNS))).astype("f")


def test_columns():
    assert len(COLUMNS) == len(set(COLUMNS)) == 2 * RANK + 1


def test_product_of_the_sides():
    """Of neighbours in place the rotation is small, of a word with itself there is the root's."""
    scores = scores_of(3)
    S = Arcs(np, scores, np.asarray([[0, 1, 2]])).S
    assert S.shape == (1, 3, 3)
    np.testing.assert_array_equal(S[0].diagonal(), scores[:, -1])
    lone = Arcs(np, scores, np.asarray([[0], [1]])).S
    np.testing.assert_array_equal(lone[:, 0, 0], scores[:2, -1])


def test_only_the_distance_counts():
    scores = scores_of(2)
    filler = scores_of(3, seed=1)
    moved = Arcs(np, np.concatenate([filler, scores]), np.asarray([[0, 1, 2, 3, 4]])).S
    first = Arcs(np, np.concatenate([scores, filler]), np.asarray([[0, 1, 2, 3, 4]])).S
    np.testing.assert_allclose(moved[0, 3:, 3:], first[0, :2, :2], atol=1e-4)


def test_direction_and_distance_count():
    same = np.ones((4, len(COLUMNS)), dtype="f")
    same[:, : RANK // 2] = 2.0
    S = Arcs(np, same, np.asarray([[0, 1, 2, 3]])).S[0]
    assert len({round(float(S[1, j]), 3) for j in (0, 2, 3)}) == 3


def test_gradient(numeric_gradient):
    scores = scores_of(5).astype("float64")
    places = np.asarray([[0, 1], [3, 4]])
    weights = np.random.default_rng(1).normal(size=(2, 2, 2))
    d_scores = np.zeros_like(scores)
    Arcs(np, scores, places).backprop(weights.copy(), d_scores)
    expected = numeric_gradient(lambda: float((Arcs(np, scores, places).S * weights).sum()), scores)
    np.testing.assert_allclose(d_scores, expected, atol=1e-4)
    assert not d_scores[2].any()


@pytest.mark.parametrize("length", [1, 2, 17])
def test_equal_sentences_get_equal_scores(length):
    scores = np.tile(scores_of(length), (2, 1))
    S = Arcs(np, scores, np.arange(2 * length).reshape(2, length)).S
    np.testing.assert_array_equal(S[0], S[1])
