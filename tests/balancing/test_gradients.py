"""Inner products of the tasks' gradients, and the conflict that follows from them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_mtl.balancing.gradients import ConflictMeter, TaskGradients, cosines
from spacy_mtl.errors import MTLError

from .helpers import gradients_of

N_TOKENS, WIDTH = 7, 4


def random_gradients(seed, tasks=("a", "b", "c"), dtype="float64"):
    rng = np.random.default_rng(seed)
    X = {task: rng.normal(size=(N_TOKENS, WIDTH)).astype(dtype) for task in tasks}
    dX = {task: rng.normal(size=(N_TOKENS, WIDTH)).astype(dtype) for task in tasks}
    return TaskGradients(X, dX)


def layer_jacobian(gradients):
    """Of each task's loss with respect to the matrix W in X @ W, entry by entry."""
    rows = []
    for task, dX in gradients.dX.items():
        X = gradients.X[task]
        entries = [
            sum(X[token, i] * dX[token, j] for token in range(len(X)))
            for i in range(X.shape[1])
            for j in range(dX.shape[1])
        ]
        rows.append(entries)
    return np.asarray(rows)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_gram_matrices_are_those_of_explicit_jacobians(seed):
    gradients = random_gradients(seed)
    layer = layer_jacobian(gradients)
    representation = np.asarray([dX.ravel() for dX in gradients.dX.values()])
    np.testing.assert_allclose(gradients.gram("layer"), layer @ layer.T, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        gradients.gram("representation"), representation @ representation.T, rtol=1e-9, atol=1e-12
    )


def test_layer_gradient_is_the_derivative_with_respect_to_an_identity_layer(numeric_gradient):
    rng = np.random.default_rng(3)
    X, target = rng.normal(size=(2, N_TOKENS, WIDTH))
    W = np.eye(WIDTH)
    expected = numeric_gradient(lambda: 0.5 * float(((X @ W - target) ** 2).sum()), W)
    gradients = TaskGradients({"a": X}, {"a": X - target})
    assert gradients.gram()[0, 0] == pytest.approx(float((expected**2).sum()))


def test_float32_gradients_give_a_float64_matrix():
    gram = random_gradients(0, dtype="float32").gram()
    assert gram.dtype == np.float64
    np.testing.assert_allclose(gram, random_gradients(0).gram(), rtol=1e-4, atol=1e-4)


def test_tasks_labelled_on_different_tokens_conflict_in_the_layer_alone():
    direction = np.asarray([1.0, 2.0])
    X = np.asarray([[1.0, 1.0], [1.0, 1.0]])
    first, second = np.zeros((2, 2)), np.zeros((2, 2))
    first[0], second[1] = direction, -direction
    gradients = TaskGradients({"a": X, "b": X}, {"a": first, "b": second})
    assert gradients.gram("representation")[0, 1] == 0
    assert cosines(gradients.gram("layer"))[0, 1] == pytest.approx(-1)


def test_order_of_tasks_is_that_of_the_gradients():
    gradients = random_gradients(1)
    turned = TaskGradients(gradients.X, {task: gradients.dX[task] for task in ("c", "a", "b")})
    assert turned.tasks == ["c", "a", "b"]
    order = [2, 0, 1]
    np.testing.assert_allclose(turned.gram(), gradients.gram()[np.ix_(order, order)])


@settings(derandomize=True, deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), scales=st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=3))
def test_cosines_are_of_directions_alone(seed, scales):
    rows = np.random.default_rng(seed).normal(size=(3, 5))
    found = cosines(gradients_of(rows).gram())
    np.testing.assert_allclose(np.diag(found), 1)
    assert (np.abs(found) <= 1 + 1e-9).all()
    scaled = rows * np.asarray(scales)[:, None]
    np.testing.assert_allclose(cosines(gradients_of(scaled).gram()), found, atol=1e-9)


def test_cosines_beside_a_zero_gradient_are_zero():
    gram = gradients_of([[1.0, 0.0], [0.0, 0.0], [-2.0, 0.0]]).gram()
    np.testing.assert_array_equal(cosines(gram), [[1, 0, -1], [0, 0, 0], [-1, 0, 1]])


TOGETHER, APART = [[3.0, 0.0], [0.0, 4.0]], [[3.0, 0.0], [-3.0, 4.0]]


def test_conflict_meter_reports_means():
    meter = ConflictMeter(every=1)
    for rows in (TOGETHER, APART):
        meter.observe(gradients_of(rows, ["pos", "ner"]))
    report = meter.report()
    assert report["cosine"] == {"ner pos": pytest.approx((0 - 0.6) / 2)}
    assert report["norm"] == {"pos": pytest.approx(3), "ner": pytest.approx(4.5)}
    assert report["conflict"] == 0.5
    assert report["steps"] == 2


def test_steps_with_one_task_have_a_norm_and_no_conflict():
    meter = ConflictMeter(every=1)
    meter.observe(gradients_of(APART[1:], ["ner"]))
    assert meter.report() == {}
    meter.observe(gradients_of(APART, ["pos", "ner"]))
    report = meter.report()
    assert report["steps"] == 1 and report["conflict"] == 1
    assert report["norm"]["ner"] == pytest.approx(5)


def test_pairs_that_did_not_meet_are_not_reported():
    meter = ConflictMeter(every=1)
    meter.observe(gradients_of(APART, ["a", "b"]))
    meter.observe(gradients_of(TOGETHER, ["c", "a"]))
    assert set(meter.report()["cosine"]) == {"a b", "a c"}


def test_every_counts_updates_and_a_reset_does_not_change_the_turn():
    meter = ConflictMeter(every=3)
    steps = []
    for update in range(7):
        if update == 2:
            meter.reset()
        before = meter.report().get("steps", 0)
        meter.observe(gradients_of(APART, ["a", "b"]))
        if meter.report().get("steps", 0) > before:
            steps.append(update)
    assert steps == [0, 3, 6]


def test_every_of_zero_measures_nothing():
    meter = ConflictMeter()
    meter.observe(gradients_of(APART, ["a", "b"]))
    assert meter.report() == {}


def test_a_restart_counts_from_the_first_update():
    meter = ConflictMeter(every=2)
    meter.observe(gradients_of(APART, ["a", "b"]))
    meter.restart()
    assert meter.report() == {}
    meter.observe(gradients_of(APART, ["a", "b"]))
    assert meter.report()["steps"] == 1


@pytest.mark.parametrize("every", [-1, 2.5, True])
def test_every_is_a_number_of_updates(every):
    with pytest.raises(MTLError, match=f"`conflict_every` to be .* 0 for none, got {every}"):
        ConflictMeter(every)
