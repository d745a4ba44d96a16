"""Scores of the arcs of a sentence, and the way back."""

import numpy as np
import pytest

from spacy_mtl.models.parsing.biaffine import PARTS, Arcs, column_names

RANK = 6
COLUMNS = column_names(RANK)


def scores_of(n_words, seed=0):
    return np.random.default_rng(seed).normal(size=(n_words, len(COLUMNS))).astype("f")


def test_columns():
    assert len(COLUMNS) == len(set(COLUMNS)) == len(PARTS) * RANK + 2


def test_product_of_the_sides():
    """Of neighbours in place the rotation is small, of a word with itself there is the root's."""
    scores = scores_of(3)
    arcs = Arcs(np, scores, np.asarray([[0, 1, 2]]))
    assert arcs.S.shape == arcs.first.shape == (1, 3, 3)
    np.testing.assert_array_equal(arcs.first[0].diagonal(), scores[:, -2])
    np.testing.assert_array_equal(arcs.S[0].diagonal(), scores[:, -1])
    lone = Arcs(np, scores, np.asarray([[0], [1]])).S
    np.testing.assert_array_equal(lone[:, 0, 0], scores[:2, -1])


def test_rotation():
    """The two halves of a side are points of the plane, each turned at a speed of its own."""
    scores, half = scores_of(4), RANK // 2
    turns = np.exp(1j * np.arange(4)[:, None] * 100.0 ** (-np.arange(half) / half))
    D, H = (
        (scores[:, begin : begin + half] + 1j * scores[:, begin + half : begin + RANK]) * turns
        for begin in (0, RANK)
    )
    expected = (D @ H.conj().T).real * RANK**-0.5
    np.fill_diagonal(expected, scores[:, -2])
    first = Arcs(np, scores, np.asarray([[0, 1, 2, 3]])).first[0]
    np.testing.assert_allclose(first, expected, atol=1e-4)


def test_only_the_distance_counts():
    scores = scores_of(2)
    filler = scores_of(3, seed=1)
    moved = Arcs(np, np.concatenate([filler, scores]), np.asarray([[0, 1, 2, 3, 4]])).first
    first = Arcs(np, np.concatenate([scores, filler]), np.asarray([[0, 1, 2, 3, 4]])).first
    np.testing.assert_allclose(moved[0, 3:, 3:], first[0, :2, :2], atol=1e-4)


def test_direction_and_distance_count():
    same = np.ones((4, len(COLUMNS)), dtype="f")
    same[:, : RANK // 2] = 2.0
    S = Arcs(np, same, np.asarray([[0, 1, 2, 3]])).first[0]
    assert len({round(float(S[1, j]), 3) for j in (0, 2, 3)}) == 3


def test_what_stands_beside_a_word_in_the_tree_counts():
    """With columns for arcs of one alone, the first scores are the last ones."""
    scores = scores_of(4)
    alone = scores.copy()
    alone[:, 2 * RANK : -2] = 0.0
    alone[:, -1] = alone[:, -2]
    places = np.asarray([[0, 1, 2, 3]])
    arcs = Arcs(np, alone, places)
    np.testing.assert_allclose(arcs.S, arcs.first, rtol=1e-6)
    for part in range(2, len(PARTS)):
        changed = alone.copy()
        changed[:, part * RANK : (part + 1) * RANK] = scores[:, part * RANK : (part + 1) * RANK]
        arcs = Arcs(np, changed, places)
        assert abs(arcs.S - arcs.first).max() > 0.01


def test_gradient(numeric_gradient):
    scores = scores_of(5).astype("float64")
    places = np.asarray([[0, 1], [3, 4]])
    weights, of_first = np.random.default_rng(1).normal(size=(2, 2, 2, 2))
    d_scores = np.zeros_like(scores)
    Arcs(np, scores, places).backprop(weights.copy(), of_first.copy(), d_scores)

    def total():
        arcs = Arcs(np, scores, places)
        return float((arcs.S * weights).sum() + (arcs.first * of_first).sum())

    np.testing.assert_allclose(d_scores, numeric_gradient(total, scores), atol=1e-4)
    assert not d_scores[2].any()


@pytest.mark.parametrize("length", [1, 2, 17])
def test_equal_sentences_get_equal_scores(length):
    scores = np.tile(scores_of(length), (2, 1))
    S = Arcs(np, scores, np.arange(2 * length).reshape(2, length)).S
    np.testing.assert_array_equal(S[0], S[1])
