"""GradNorm against its objective, differentiated numerically, and by properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thinc.api import Config

from spacy_mtl.balancing.gradnorm import GradNorm
from spacy_mtl.errors import MTLError
from spacy_mtl.registry import registry
from spacy_mtl.state import Stateful

from .helpers import TASKS, Unseen, gradients_of, ones, random_jacobian

SAME = dict.fromkeys(TASKS, 1.0)


def started(tasks=TASKS, **settings):
    balancer = GradNorm(**settings)
    balancer.start(list(tasks))
    return balancer


def with_norms(norms, tasks=TASKS):
    return gradients_of(np.diag(norms), tasks)


def objective(weights, norms, losses, first, alpha):
    """The paper's L_grad, its targets fixed at the present weights when it is made."""
    progress = losses / first
    rates = progress / progress.mean()
    targets = (weights * norms).mean() * rates**alpha
    return lambda: float(np.abs(weights * norms - targets).sum())


class Adam:
    """As in the paper's Algorithm 1."""

    def __init__(self, rate):
        self.rate, self.step, self.m, self.v = rate, 0, 0.0, 0.0

    def __call__(self, parameter, gradient):
        self.step += 1
        self.m = 0.9 * self.m + 0.1 * gradient
        self.v = 0.999 * self.v + 0.001 * gradient**2
        m, v = self.m / (1 - 0.9**self.step), self.v / (1 - 0.999**self.step)
        return parameter - self.rate * m / (np.sqrt(v) + 1e-8)


def test_weights_follow_the_derivatives_of_the_papers_objective(numeric_gradient):
    balancer, adam = started(alpha=0.7, learn_rate=0.02, window=1), Adam(0.02)
    rng = np.random.default_rng(0)
    expected, first = np.ones(3), None
    for _ in range(12):
        losses = rng.uniform(0.5, 2.0, size=3)
        norms = rng.uniform(0.5, 2.0, size=3)
        found = balancer.weights(dict(zip(TASKS, losses, strict=True)), with_norms(norms))
        assert list(found.values()) == pytest.approx(expected, abs=1e-9)
        first = losses if first is None else first
        norms /= norms.mean()
        weights = expected.copy()
        distance = objective(weights, norms, losses, first, alpha=0.7)
        gradient = numeric_gradient(distance, weights, eps=1e-5)
        expected = adam(expected, gradient)
        expected *= 3 / expected.sum()


def test_without_asymmetry_the_weighted_norms_become_alike():
    balancer = started(alpha=0.0, learn_rate=0.01)
    norms = np.asarray([0.5, 1.0, 2.0])
    for _ in range(400):
        weights = balancer.weights(SAME, with_norms(norms))
    weighted = np.asarray(list(weights.values())) * norms
    assert weighted == pytest.approx([weighted.mean()] * 3, rel=0.05)


def test_a_task_that_learns_slowly_gains_weight():
    balancer = started(window=1)
    balancer.weights(SAME, with_norms(np.ones(3)))
    for _ in range(20):
        losses = {"tagger": 0.2, "ner": 0.2, "textcat": 0.9}
        weights = balancer.weights(losses, with_norms(np.ones(3)))
    assert weights["textcat"] > 1.2 > 0.9 > weights["ner"] == pytest.approx(weights["tagger"])


def random_steps(n, seed, tasks=TASKS):
    rng = np.random.default_rng(seed)
    for i in range(n):
        losses = dict(zip(tasks, map(float, rng.uniform(0.2, 2.0, size=len(tasks))), strict=True))
        yield losses, random_jacobian(seed + i, n_tasks=len(tasks))


@settings(derandomize=True, deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), alpha=st.floats(0, 3), rate=st.floats(1e-3, 0.5))
def test_weights_stay_positive_with_mean_one(seed, alpha, rate):
    balancer = started(alpha=alpha, learn_rate=rate, window=2)
    for losses, jacobian in random_steps(15, seed):
        weights = balancer.weights(losses, gradients_of(jacobian))
        assert min(weights.values()) > 0
        assert sum(weights.values()) == pytest.approx(3)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3))
def test_scales_of_the_losses_and_of_all_gradients_do_not_matter(seed, scale):
    plain, scaled = started(), started()
    for losses, jacobian in random_steps(6, seed):
        expected = plain.weights(losses, gradients_of(jacobian))
        own = {"tagger": 1.0, "ner": scale, "textcat": 1 / scale}
        losses = {task: loss * own[task] for task, loss in losses.items()}
        found = scaled.weights(losses, gradients_of(jacobian * scale))
        assert found == pytest.approx(expected, rel=1e-5)


def test_order_of_the_tasks_does_not_matter():
    plain, turned = started(), started(tasks=TASKS[::-1])
    for losses, jacobian in random_steps(6, 1):
        expected = plain.weights(losses, gradients_of(jacobian))
        backwards = dict(reversed(losses.items()))
        found = turned.weights(backwards, gradients_of(jacobian[::-1], TASKS[::-1]))
        assert found == pytest.approx(expected, abs=1e-12)


def test_weights_are_of_the_first_update_on_one_and_then_learned():
    balancer = started()
    norms = with_norms([1.0, 2.0, 3.0])
    assert balancer.weights(SAME, norms) == SAME
    later = balancer.weights(SAME, norms)
    assert later["tagger"] > 1 > later["textcat"]


def test_losses_are_averaged_over_the_window():
    balancer = started(window=2)
    for loss in (1.0, 3.0, 6.0):
        balancer.weights({**SAME, "ner": loss}, with_norms(np.ones(3)))
    state = balancer.state()
    assert state["first:ner"] == 2 and state["loss:ner"] == 4
    assert state["first:tagger"] == state["loss:tagger"] == 1


def test_what_is_known_about_absent_tasks_stays():
    balancer = started()
    for losses, jacobian in random_steps(4, 0):
        balancer.weights(losses, gradients_of(jacobian))
    before = balancer.state()
    pair = ["textcat", "tagger"]
    for losses, jacobian in random_steps(4, 9, pair):
        found = balancer.weights(losses, gradients_of(jacobian, pair))
        assert list(found) == pair
    after = balancer.state()
    assert all(after[key] == before[key] for key in before if key.endswith(":ner"))
    assert after["weight:tagger"] != before["weight:tagger"]
    assert sum(after[f"weight:{task}"] for task in TASKS) == pytest.approx(3)


def test_a_task_alone_keeps_its_weight_and_its_loss_is_counted():
    balancer = started()
    for losses, jacobian in random_steps(4, 0):
        balancer.weights(losses, gradients_of(jacobian))
    before = balancer.state()
    found = balancer.weights({"ner": 0.7}, gradients_of(np.ones((1, 3)), ["ner"]))
    assert found == {"ner": before["weight:ner"]}
    after = balancer.state()
    assert after["weight:ner"] == before["weight:ner"]
    assert after["batches:ner"] == before["batches:ner"] + 1


def test_gradients_of_zero_do_not_compare():
    balancer = started()
    for _ in range(3):
        weights = balancer.weights(SAME, with_norms([1.0, 0.0, 3.0]))
    assert weights["ner"] == 1
    assert weights["tagger"] > 1 > weights["textcat"]
    assert started().weights(SAME, with_norms([0.0, 0.0, 0.0])) == SAME


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_broken_losses_and_gradients_poison_nothing(value):
    balancer = started()
    with pytest.warns(UserWarning, match="GradNorm gave no weights.*finite"):
        balancer.weights({**SAME, "ner": value}, with_norms(np.ones(3)))
    balancer.weights(SAME, with_norms([1.0, value, 1.0]))
    for losses, jacobian in random_steps(3, 0):
        weights = balancer.weights(losses, gradients_of(jacobian))
    assert np.isfinite(list(weights.values())).all()


def test_a_loss_of_zero_at_first():
    balancer = started(window=1)
    balancer.weights({**SAME, "ner": 0.0}, with_norms(np.ones(3)))
    for _ in range(3):
        weights = balancer.weights(SAME, with_norms(np.ones(3)))
    assert np.isfinite(list(weights.values())).all()


def test_state_goes_on_exactly():
    balancer, other, late = started(), started(), GradNorm()
    assert isinstance(balancer, Stateful)
    for losses, jacobian in random_steps(5, 0):
        balancer.weights(losses, gradients_of(jacobian))
    state = balancer.state()
    late.load_state(state)
    assert late.state() == state
    late.start(TASKS)
    other.load_state(state)
    for losses, jacobian in random_steps(5, 20):
        expected = balancer.weights(losses, gradients_of(jacobian))
        assert other.weights(losses, gradients_of(jacobian)) == expected
        assert late.weights(losses, gradients_of(jacobian)) == expected


def test_states_of_other_tasks_are_refused():
    with pytest.raises(MTLError, match="same tasks and method.*missing ones .*first:textcat"):
        started().load_state(started(tasks=TASKS[:2]).state())


@pytest.mark.parametrize("wrong", [{"alpha": -1.0}, {"learn_rate": 0.0}, {"window": 0}])
def test_wrong_settings(wrong):
    with pytest.raises(MTLError, match="alpha of 0 or more, learn_rate above 0"):
        GradNorm(**wrong)


def test_gradients_are_needed():
    with pytest.raises(MTLError, match="gradients, which GradNorm needs, got none"):
        started().weights(ones())


def test_block_of_a_config():
    config = """
    [balancer]
    @mtl_balancers = "spacy_mtl.GradNorm.v1"
    alpha = 0.5
    learn_rate = 0.1
    gram = "representation"
    """
    balancer = registry.resolve(Config().from_str(config))["balancer"]
    balancer.start(TASKS)
    balancer.weights(SAME, with_norms([1.0, 2.0, 3.0]))
    assert balancer.weights(SAME, with_norms([1.0, 2.0, 3.0]))["tagger"] > 1.05


def test_losses_that_cannot_be_seen_are_an_error():
    balancer = started()
    before = balancer.state()
    with pytest.raises(MTLError, match="unseen"):
        balancer.weights(Unseen(SAME), with_norms(np.ones(3)))
    assert balancer.state() == before


def test_reset_forgets_all():
    balancer, new = started(), started()
    for losses, jacobian in random_steps(4, 0):
        balancer.weights(losses, gradients_of(jacobian))
    assert balancer.state() != new.state()
    balancer.reset()
    assert balancer.state() == {}
    balancer.start(TASKS)
    assert balancer.state() == new.state()
