import numpy as np
import pytest

from spacy_mtl.tasks.column_groups import ColumnGroups
from spacy_mtl.tasks.losses import softmax, softmax_cross_entropy

SIZES = [3, 1, 2]
PARTS = [slice(0, 3), slice(3, 4), slice(4, 6)]
RNG = np.random.default_rng(0)


def random(n=5):
    return RNG.normal(size=(n, 6))


def test_there_and_back():
    groups, cells = ColumnGroups(SIZES), random()
    parts = groups.split(cells, -1.0)
    assert parts.shape == (5, 3, 3)
    assert (parts[:, 1, 1:] == -1).all() and (parts[:, 2, 2] == -1).all()
    for group, own in enumerate(PARTS):
        np.testing.assert_array_equal(parts[:, group, : SIZES[group]], cells[:, own])
    np.testing.assert_array_equal(groups.join(parts), cells)
    assert groups.starts.tolist() == [0, 3, 4] and groups.n_columns == 6


def test_each_group_has_a_best_column_and_probabilities_of_its_own():
    groups, scores = ColumnGroups(SIZES), random() - 20
    best, P = groups.best(scores), groups.probabilities(scores)
    for group, own in enumerate(PARTS):
        assert best[:, group].tolist() == scores[:, own].argmax(axis=1).tolist()
        np.testing.assert_allclose(P[:, own], softmax(scores[:, own]))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("partly", [False, True])
def test_the_loss_is_the_sum_over_the_groups(smoothing, partly, numeric_gradient):
    groups, scores = ColumnGroups(SIZES), random()
    classes = np.asarray([[0, 0, 1], [2, 0, 0], [1, 0, 1], [0, 0, 0], [2, 0, 1]])
    mask = np.asarray([[1, 1, 1], [0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 0]], dtype=bool)
    known = None
    if partly:
        known = np.ones((5, 6), dtype=bool)
        known[0, 1] = known[4, :2] = False
    loss, d_scores = groups.cross_entropy(scores, classes, mask, smoothing, known)
    parts = [
        softmax_cross_entropy(
            scores[:, own], classes[:, group], mask[:, group], smoothing,
            None if known is None else known[:, own],
        )
        for group, own in enumerate(PARTS)
    ]  # fmt: skip
    assert loss == pytest.approx(sum(part for part, _ in parts))
    np.testing.assert_allclose(d_scores, np.concatenate([d for _, d in parts], axis=1))
    assert not d_scores[3].any() and not d_scores[1, :3].any() and not d_scores[2, 3:].any()
    if not smoothing:
        expected = numeric_gradient(
            lambda: groups.cross_entropy(scores, classes, mask, known=known)[0], scores, 1e-4
        )
        np.testing.assert_allclose(d_scores, expected, atol=1e-6)


def test_no_rows_and_no_groups():
    for groups, scores in ((ColumnGroups(SIZES), random(0)), (ColumnGroups([]), np.zeros((4, 0)))):
        n = len(scores)
        nothing = np.zeros((n, len(groups.sizes)), dtype=int)
        assert groups.best(scores).shape == nothing.shape
        loss, d_scores = groups.cross_entropy(scores, nothing, nothing > 0)
        assert loss == 0 and d_scores.shape == scores.shape
        assert groups.probabilities(scores).shape == scores.shape
