import numpy as np
import pytest

from spacy_mtl.tasks.losses import (
    binary_cross_entropy,
    divergence,
    huber,
    partial_cross_entropy,
    sigmoid,
    softmax,
    softmax_cross_entropy,
)

SCORES = np.random.default_rng(0).normal(size=(6, 4)) * 2
CLASSES = np.asarray([3, 0, 1, -1, 2, 0])
MASK = np.asarray([True, True, False, False, True, True])


def log_softmax(scores):
    return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)


def test_softmax_of_extreme_scores():
    found = softmax(np.asarray([[1e4, 0.0], [-1e4, -1e4], [0.0, np.log(3.0)]]))
    np.testing.assert_allclose(found, [[1, 0], [0.5, 0.5], [0.25, 0.75]], atol=1e-12)
    assert softmax(np.zeros((2, 0))).shape == (2, 0)
    assert softmax(np.zeros((0, 3))).shape == (0, 3)


def test_sigmoid_of_extreme_scores():
    found = sigmoid(np.asarray([[-1e4, 0.0, np.log(3.0), 1e4]], dtype="f"))
    np.testing.assert_allclose(found, [[0.0, 0.5, 0.75, 1.0]], atol=1e-6)


def test_cross_entropy_is_the_sum_over_labelled_rows():
    loss, _ = softmax_cross_entropy(SCORES, CLASSES, MASK)
    rows = np.flatnonzero(MASK)
    assert loss == pytest.approx(-log_softmax(SCORES)[rows, CLASSES[rows]].sum())


@pytest.mark.parametrize("smoothing", [0.0, 0.05, 0.4])
def test_gradient_of_cross_entropy(smoothing, numeric_gradient):
    target = np.full((6, 4), smoothing / 3)
    target[np.arange(6), CLASSES] = 1 - smoothing
    scores = SCORES.copy()

    def smoothed_loss():
        return -(target * log_softmax(scores))[MASK].sum()

    loss, d_scores = softmax_cross_entropy(scores, CLASSES, MASK, smoothing)
    np.testing.assert_allclose(
        d_scores, numeric_gradient(smoothed_loss, scores, eps=1e-5), atol=1e-8
    )
    assert loss == softmax_cross_entropy(scores, CLASSES, MASK)[0]
    assert not d_scores[~MASK].any()


def test_single_class_cannot_be_smoothed():
    loss, d_scores = softmax_cross_entropy(
        np.ones((2, 1)), np.zeros(2, dtype="i"), np.ones(2, dtype=bool), smoothing=0.1
    )
    assert loss == 0.0
    assert not d_scores.any()


KNOWN = (
    np.asarray([[1, 0, 1, 1], [1, 1, 1, 1], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [1, 1, 0, 0]])
    > 0
)


@pytest.mark.parametrize("smoothing", [0.0, 0.05, 0.4])
def test_unknown_classes_might_as_well_not_be_there(smoothing):
    loss, d_scores = softmax_cross_entropy(SCORES, CLASSES, MASK, smoothing, KNOWN)
    expected, total = np.zeros_like(SCORES), 0.0
    for row in np.flatnonzero(MASK):
        columns = np.flatnonzero(KNOWN[row])
        gold = np.searchsorted(columns, CLASSES[row : row + 1])
        one, d_row = softmax_cross_entropy(
            SCORES[row : row + 1, columns], gold, MASK[row : row + 1], smoothing
        )
        total += one
        expected[row, columns] = d_row[0]
    assert loss == pytest.approx(total)
    np.testing.assert_allclose(d_scores, expected, atol=1e-12)
    assert (d_scores[~KNOWN] == 0.0).all()


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_gradient_of_cross_entropy_of_known_classes(smoothing, numeric_gradient):
    others = np.maximum(KNOWN.sum(axis=1, keepdims=True) - 1, 1)
    target = KNOWN * smoothing / others
    target[np.arange(6), CLASSES] = 1 - smoothing * (KNOWN.sum(axis=1) > 1)
    scores = SCORES.copy()

    def smoothed_loss():
        masked = np.where(KNOWN, scores, -1e30)
        return -(target * log_softmax(masked))[MASK].sum()

    numeric = numeric_gradient(smoothed_loss, scores, eps=1e-5)
    _, d_scores = softmax_cross_entropy(scores, CLASSES, MASK, smoothing, KNOWN)
    np.testing.assert_allclose(d_scores, numeric, atol=1e-8)


@pytest.mark.parametrize("smoothing", [0.0, 0.05])
def test_all_classes_known_changes_no_bit(smoothing):
    scores = SCORES.astype("float32")
    loss, d_scores = softmax_cross_entropy(scores, CLASSES, MASK, smoothing)
    everything = np.ones(SCORES.shape, dtype=bool)
    again, d_again = softmax_cross_entropy(scores, CLASSES, MASK, smoothing, everything)
    assert again == loss
    assert d_again.dtype == np.float32
    assert d_again.tobytes() == d_scores.tobytes()


@pytest.mark.parametrize("known", [None, KNOWN])
def test_gradient_of_partial_cross_entropy(known, numeric_gradient):
    possible = np.random.default_rng(2).random(SCORES.shape) < 0.5
    possible &= True if known is None else known
    mask = MASK & possible.any(axis=1)
    assert mask.any()
    scores = SCORES.copy()
    there = np.where(np.ones(SCORES.shape, dtype=bool) if known is None else known, 0.0, -1e30)

    def loss_of_the_rest():
        P = np.exp(log_softmax(scores + there))
        return -np.log((P * possible)[mask].sum(axis=1)).sum()

    loss, d_scores = partial_cross_entropy(scores, possible, mask, known)
    assert loss == pytest.approx(loss_of_the_rest())
    numeric = numeric_gradient(loss_of_the_rest, scores, eps=1e-5)
    np.testing.assert_allclose(d_scores, numeric, atol=1e-8)
    assert not d_scores[~mask].any()


def test_partial_cross_entropy_of_one_class_is_the_ordinary_one():
    one = np.arange(SCORES.shape[1]) == CLASSES[:, None]
    loss, d_scores = partial_cross_entropy(SCORES, one, MASK)
    expected, d_expected = softmax_cross_entropy(SCORES, CLASSES, MASK)
    assert loss == pytest.approx(expected)
    np.testing.assert_allclose(d_scores, d_expected, atol=1e-12)


def test_a_class_that_is_all_but_certain_can_be_wrong():
    scores = np.asarray([[200.0, 0.0, 0.0]])
    others = np.asarray([[False, True, True]])
    loss, d_scores = partial_cross_entropy(scores, others, np.asarray([True]))
    assert loss == pytest.approx(200 - np.log(2))
    np.testing.assert_allclose(d_scores, [[1.0, -0.5, -0.5]], atol=1e-12)


def test_gradient_of_binary_cross_entropy(numeric_gradient):
    rng = np.random.default_rng(1)
    scores, truths = SCORES.copy(), rng.random(SCORES.shape)
    mask = rng.random(SCORES.shape) < 0.5
    loss, d_scores = binary_cross_entropy(scores, truths, mask)
    P = 1 / (1 + np.exp(-scores))
    expected = -(truths * np.log(P) + (1 - truths) * np.log(1 - P))
    assert loss == pytest.approx(expected[mask].sum())
    numeric = numeric_gradient(
        lambda: binary_cross_entropy(scores, truths, mask)[0], scores, eps=1e-5
    )
    np.testing.assert_allclose(d_scores, numeric, atol=1e-8)
    assert not d_scores[~mask].any()


@pytest.mark.parametrize("size", [1e3, 1e5])
def test_extreme_scores_give_finite_losses(size):
    scores = np.asarray([[size, -size], [-size, size]], dtype="f")
    truths = np.asarray([[1, 0], [1, 0]], dtype="f")
    loss, d_scores = binary_cross_entropy(scores, truths, np.ones((2, 2), dtype=bool))
    assert loss == pytest.approx(2 * size)
    assert d_scores.tolist() == [[0, 0], [-1, 1]]
    loss, d_scores = softmax_cross_entropy(scores, np.asarray([0, 0]), np.asarray([True, True]))
    assert np.isfinite(loss)
    assert d_scores.tolist() == [[0, 0], [-1, 1]]


def test_nothing_labelled():
    nothing = np.zeros(6, dtype=bool)
    loss, d_scores = softmax_cross_entropy(SCORES, CLASSES, nothing, 0.1)
    assert loss == 0.0 and not d_scores.any() and d_scores.shape == SCORES.shape
    loss, d_scores = binary_cross_entropy(SCORES, SCORES, np.zeros(SCORES.shape, dtype=bool))
    assert loss == 0.0 and not d_scores.any()


def test_divergence_of_distributions(numeric_gradient):
    scores, Q, weights = SCORES.copy(), softmax(SCORES[::-1]), MASK[:, None] * 2
    found, gradient = divergence(softmax(scores), Q, weights, False)
    assert found == pytest.approx(2 * (Q * (np.log(Q) - log_softmax(scores)))[MASK].sum())
    expected = numeric_gradient(lambda: divergence(softmax(scores), Q, weights, False)[0], scores)
    np.testing.assert_allclose(gradient, expected, atol=1e-3)
    assert not gradient[~MASK].any()
    assert divergence(Q, Q, weights, False)[0] == 0


def test_divergence_of_yes_and_no(numeric_gradient):
    scores, Q, mask = SCORES.copy(), sigmoid(SCORES[::-1]), SCORES > 0
    P = sigmoid(scores)
    found, gradient = divergence(P, Q, mask, True)
    each = Q * np.log(Q / P) + (1 - Q) * np.log((1 - Q) / (1 - P))
    assert found == pytest.approx(each[mask].sum())
    expected = numeric_gradient(lambda: divergence(sigmoid(scores), Q, mask, True)[0], scores)
    np.testing.assert_allclose(gradient, expected, atol=1e-3)


def test_divergence_of_certainties():
    P, Q = np.asarray([[1.0, 0.0]]), np.asarray([[0.0, 1.0]])
    assert 50 < divergence(P, Q, np.ones((1, 1)), False)[0] < 100


@pytest.mark.parametrize("delta", [0.5, 1.5, np.inf])
def test_huber(delta, numeric_gradient):
    gold = np.random.default_rng(1).normal(size=SCORES.shape)
    mask = np.random.default_rng(2).random(SCORES.shape) < 0.6
    scores = SCORES.copy()
    loss, d_scores = huber(scores, gold, mask, delta)
    errors = np.abs(scores - gold)[mask]
    linear = delta * (errors - delta / 2) if np.isfinite(delta) else errors
    assert loss == pytest.approx(np.where(errors <= delta, errors**2 / 2, linear).sum())
    assert (errors > delta).any() == (errors.max() > delta) and not d_scores[~mask].any()
    expected = numeric_gradient(lambda: huber(scores, gold, mask, delta)[0], scores, 1e-5)
    np.testing.assert_allclose(d_scores, expected, atol=1e-6)


def test_huber_leaves_its_arguments_and_what_is_masked():
    scores, gold = np.full((1, 2), np.nan, dtype="f"), np.zeros((1, 2), dtype="f")
    scores[0, 0] = 3.0
    loss, d_scores = huber(scores, gold, np.asarray([[True, False]]), np.inf)
    assert loss == 4.5 and d_scores.tolist() == [[3.0, 0.0]] and d_scores.dtype == np.float32
    assert np.isnan(scores[0, 1])
