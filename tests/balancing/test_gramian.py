"""Weights from inner products of gradients, against TorchJD's aggregators and by properties."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thinc.api import Config

from spacy_mtl.balancing._torchjd import LEFT_OUT, aggregators, undisturbed
from spacy_mtl.balancing.gradients import TaskGradients
from spacy_mtl.balancing.gramian import GramianWeighting
from spacy_mtl.errors import MTLError
from spacy_mtl.registry import registry
from spacy_mtl.state import Stateful

from .helpers import TASKS, gradients_of, ones, random_jacobian

torch = pytest.importorskip("torch")
torchjd = pytest.importorskip("torchjd.aggregation")

OPTIONS = {"CAGrad": {"c": 0.4}, "FairGrad": {"alpha": 2.0}, "Constant": {"weights": [1.0, 2, 3]}}
METHODS = sorted(aggregators())
DRAWING = {"GradVac", "PCGrad", "Random"}
# The others give the rows' scale a meaning.
ANY_SCALE = sorted(set(METHODS) - {"FairGrad", "NashMTL"})

pytestmark = pytest.mark.filterwarnings("ignore:You are solving a parameterized problem")


def started(method, tasks=TASKS, options=None, **settings):
    balancer = GramianWeighting(method, options or OPTIONS.get(method), **settings)
    balancer.start(list(tasks))
    return balancer


def weights_of(balancer, jacobian, tasks=TASKS):
    """As an array, in the order of the rows."""
    found = balancer.weights(ones(tasks), gradients_of(jacobian, tasks))
    assert list(found) == list(tasks)
    return np.asarray(list(found.values()))


def torchjd_aggregator(method, n_tasks=3):
    options = {
        name: torch.tensor(value[:n_tasks], dtype=torch.float64) if name == "weights" else value
        for name, value in {"Krum": {"n_byzantine": 0}, **OPTIONS}.get(method, {}).items()
    }
    if method == "NashMTL":
        options["n_tasks"] = n_tasks
    return getattr(torchjd, method)(**options)


def aggregated(aggregator, jacobian, seed=0, update=0):
    with undisturbed(seed, update):
        return aggregator(torch.tensor(jacobian, dtype=torch.float64)).numpy()


def test_methods_are_those_of_torchjd_that_can_work():
    assert {"UPGrad", "PCGrad", "MGDA", "CAGrad", "NashMTL", "IMTLG"} <= set(METHODS)
    assert {"AlignedMTL", "GradVac", "FairGrad", "DualProj"} <= set(METHODS)
    weighted = {
        name
        for name in torchjd.__all__
        if issubclass(getattr(torchjd, name), torchjd.WeightedAggregator)
    }
    bases = {"WeightedAggregator", "GramianWeightedAggregator"}
    assert weighted - bases - set(METHODS) <= set(LEFT_OUT)


@pytest.mark.parametrize("method", METHODS)
def test_weighted_sum_is_torchjds_aggregation_of_the_same_jacobian(method):
    balancer, aggregator = started(method), torchjd_aggregator(method)
    for update in range(5):
        jacobian = random_jacobian(update)
        expected = aggregated(aggregator, jacobian, update=update)
        found = weights_of(balancer, jacobian) @ jacobian
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("method", ANY_SCALE)
@pytest.mark.parametrize("scale", [0.05, 300.0])
def test_agreement_does_not_depend_on_the_jacobians_scale(method, scale):
    jacobian = random_jacobian(7) * scale
    found = weights_of(started(method), jacobian) @ jacobian
    expected = aggregated(torchjd_aggregator(method), jacobian)
    np.testing.assert_allclose(found / scale, expected / scale, atol=2e-3 if scale < 1 else 1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_a_common_scale_of_the_losses_changes_nothing(method, scale):
    jacobian = random_jacobian(3)
    plain, scaled = started(method), started(method)
    np.testing.assert_allclose(
        weights_of(scaled, jacobian * scale), weights_of(plain, jacobian), rtol=1e-4, atol=1e-6
    )


# Krum breaks ties between three tasks, which are two and one, by their order.
@pytest.mark.parametrize("method", sorted(set(METHODS) - DRAWING - {"Constant", "Krum"}))
def test_order_of_the_tasks_does_not_matter(method):
    jacobian, order = random_jacobian(5), [2, 0, 1]
    turned = [TASKS[i] for i in order]
    expected = weights_of(started(method), jacobian)[order]
    found = weights_of(started(method), jacobian[order], turned)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    restarted = weights_of(started(method, tasks=turned), jacobian[order], turned)
    np.testing.assert_allclose(restarted, expected, atol=1e-5)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000))
def test_upgrad_contradicts_no_task(seed):
    jacobian = random_jacobian(seed, width=4)
    direction = weights_of(started("UPGrad"), jacobian) @ jacobian
    assert (jacobian @ direction > -1e-2).all()


@settings(derandomize=True, deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000))
def test_mgda_finds_the_shortest_mean(seed):
    jacobian = random_jacobian(seed)
    weights = weights_of(started("MGDA", options={"epsilon": 1e-5, "max_iters": 1000}), jacobian)
    assert weights.sum() == pytest.approx(1) and (weights >= 0).all()
    shortest = np.linalg.norm(weights @ jacobian)
    others = np.random.default_rng(seed).dirichlet(np.ones(3), size=200) @ jacobian
    assert shortest <= np.linalg.norm(others, axis=1).min() + 1e-3


@settings(derandomize=True, deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), scales=st.lists(st.floats(0.1, 10), min_size=3, max_size=3))
def test_imtlg_has_the_same_projection_on_every_task(seed, scales):
    jacobian = random_jacobian(seed) * np.asarray(scales)[:, None]
    direction = weights_of(started("IMTLG"), jacobian) @ jacobian
    projections = jacobian @ direction / np.linalg.norm(jacobian, axis=1)
    assert projections == pytest.approx([projections[0]] * 3, rel=1e-4)


def test_gram_is_the_one_that_was_chosen():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(6, 4))
    dX = {task: rng.normal(size=(6, 4)) for task in TASKS}
    gradients = TaskGradients(dict.fromkeys(TASKS, X), dX)
    flat = {
        "layer": np.asarray([(X.T @ dX[task]).ravel() for task in TASKS]),
        "representation": np.asarray([dX[task].ravel() for task in TASKS]),
    }
    for kind, jacobian in flat.items():
        found = started("MGDA", gram=kind).weights(ones(), gradients)
        expected = weights_of(started("MGDA"), jacobian)
        assert list(found.values()) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"Krum"}))
def test_only_the_tasks_of_the_batch_enter(method):
    jacobian = random_jacobian(1, n_tasks=2)
    found = weights_of(started(method), jacobian, TASKS[:2]) @ jacobian
    expected = aggregated(torchjd_aggregator(method, n_tasks=2), jacobian)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("method", "name"), [("GradVac", "_phi_t"), ("NashMTL", "prvs_alpha")])
def test_what_is_known_about_absent_tasks_stays(method, name):
    balancer = started(method)
    for seed in range(3):
        weights_of(balancer, random_jacobian(seed))
    before = balancer.state()
    assert any(key.startswith(f"{name}:") and before[key] not in (0, 1) for key in before)
    for seed in range(3, 5):
        weights_of(balancer, random_jacobian(seed, n_tasks=2), ["textcat", "tagger"])
    after = balancer.state()
    assert all(after[key] == before[key] for key in before if "ner" in key.split(":"))
    changed = [key for key in before if key.startswith(name) and after[key] != before[key]]
    assert changed and all("ner" not in key for key in changed)


def test_running_state_is_found_again_under_other_company():
    balancer, pair = started("GradVac"), torchjd_aggregator("GradVac")
    two = [random_jacobian(seed, n_tasks=2) for seed in range(3)]
    weights_of(balancer, two[0], ["tagger", "textcat"])
    weights_of(balancer, two[1], ["ner", "tagger"])  # pairs of its own
    found = weights_of(balancer, two[2][::-1], ["textcat", "tagger"])[::-1]
    aggregated(pair, two[0])
    expected = aggregated(pair, two[2])
    np.testing.assert_allclose(found @ two[2], expected, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_task_alone_weighs_one_without_a_call(method):
    balancer = started(method)
    before = balancer.state()
    assert weights_of(balancer, random_jacobian(0, n_tasks=1), ["ner"]) == [1.0]
    after = balancer.state()
    assert {key for key in after if after[key] != before[key]} == {"update"}


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"Constant"}))
def test_a_pipeline_of_one_task(method):
    assert weights_of(started(method, tasks=["ner"]), np.ones((1, 4)), ["ner"]) == [1.0]


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"Krum"}))
def test_a_task_with_a_gradient_of_zero_does_not_enter(method):
    jacobian = random_jacobian(4)
    jacobian[1] = 0
    expected = weights_of(started(method), jacobian[[0, 2]], ["tagger", "textcat"])
    found = weights_of(started(method), jacobian)
    assert found[[0, 2]] == pytest.approx(expected, abs=1e-9)
    assert found[1] == 1
    jacobian[2] = 0
    assert weights_of(started(method), jacobian).tolist() == [1, 1, 1]


@pytest.mark.parametrize("method", METHODS)
def test_hard_gradients_give_finite_weights(method):
    same = np.ones((3, 5))
    opposed = np.asarray([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    far_apart = random_jacobian(0) * np.asarray([[1e-4], [1.0], [1e4]])
    balancer = started(method)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for jacobian in (np.zeros((3, 5)), same, opposed, far_apart):
            assert np.isfinite(weights_of(balancer, jacobian)).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("method", ["UPGrad", "GradVac", "NashMTL"])
def test_broken_gradients_poison_nothing(method, value):
    balancer, spared = started(method), started(method)
    weights_of(balancer, random_jacobian(0))
    last = weights_of(spared, random_jacobian(0))
    broken = random_jacobian(1)
    broken[2, 3] = value
    with pytest.warns(UserWarning, match=f"{method} gave no weights.*finite gradients"):
        assert weights_of(balancer, broken).tolist() == last.tolist()
    before, after = spared.state(), balancer.state()
    assert {key for key in after if after[key] != before[key]} == {"update"}


def test_a_solver_that_fails_leaves_the_last_weights_with_one_warning(monkeypatch):
    balancer = started("UPGrad")

    def fail(*_):
        raise ValueError("no solution")

    monkeypatch.setattr(torchjd.UPGradWeighting, "forward", fail)
    with pytest.warns(UserWarning, match="UPGrad gave no weights.*no solution"):
        assert weights_of(balancer, random_jacobian(0)).tolist() == [1, 1, 1]
    monkeypatch.undo()
    good = weights_of(balancer, random_jacobian(0))
    monkeypatch.setattr(torchjd.UPGradWeighting, "forward", fail)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert weights_of(balancer, random_jacobian(1)).tolist() == good.tolist()


def test_weights_are_kept_between_every_nth_update():
    balancer, always = started("MGDA", every=3), started("MGDA")
    expected = [weights_of(always, random_jacobian(seed)).tolist() for seed in range(7)]
    found = [weights_of(balancer, random_jacobian(seed)).tolist() for seed in range(7)]
    assert found == [expected[i] for i in (0, 0, 0, 3, 3, 3, 6)]


def test_a_task_without_a_weight_has_them_computed():
    balancer, always = started("MGDA", every=10), started("MGDA")
    weights_of(balancer, random_jacobian(0, n_tasks=2), TASKS[:2])
    found = weights_of(balancer, random_jacobian(1))
    assert found.tolist() == weights_of(always, random_jacobian(1)).tolist()
    assert weights_of(balancer, random_jacobian(2)).tolist() == found.tolist()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("every", [1, 2])
def test_state_goes_on_exactly(method, every):
    balancer, other = started(method, every=every), started(method, every=every)
    assert isinstance(balancer, Stateful)
    if method != "Krum":  # which takes three
        weights_of(balancer, random_jacobian(9, n_tasks=2), TASKS[1:])
    for seed in range(3):
        weights_of(balancer, random_jacobian(seed))
    state = balancer.state()
    late = GramianWeighting(method, OPTIONS.get(method), every=every)
    late.load_state(state)
    assert late.state() == state
    late.start(TASKS)
    other.load_state(state)
    for seed in range(3, 6):
        tasks = TASKS if seed != 4 or method == "Krum" else TASKS[1:]
        jacobian = random_jacobian(seed, n_tasks=len(tasks))
        expected = weights_of(balancer, jacobian, tasks).tolist()
        assert weights_of(other, jacobian, tasks).tolist() == expected
        assert weights_of(late, jacobian, tasks).tolist() == expected


@pytest.mark.parametrize("method", ["PCGrad", "NashMTL"])
def test_it_can_be_sent_to_other_processes(method):
    balancer = started(method)
    weights_of(balancer, random_jacobian(0))
    copy = pickle.loads(pickle.dumps(balancer))
    jacobian = random_jacobian(1)
    assert weights_of(copy, jacobian).tolist() == weights_of(balancer, jacobian).tolist()


@pytest.mark.parametrize("method", sorted(DRAWING))
def test_draws_depend_on_the_seed_alone(method):
    opposed = -np.ones((3, 3)) + 3 * np.eye(3) + np.arange(9).reshape(3, 3) / 10
    torch.manual_seed(0)
    generator = torch.get_rng_state()
    found = [weights_of(started(method, seed=seed), opposed).tolist() for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), generator)
    assert found[0] == found[1] != found[2]


def test_unknown_method():
    with pytest.raises(MTLError, match="AlignedMTL, CAGrad.*UPGrad, got 'UpGrad'"):
        started("UpGrad")


@pytest.mark.parametrize("method", sorted(LEFT_OUT))
def test_methods_that_cannot_work_are_refused_with_the_reason(method):
    with pytest.raises(MTLError, match=f"works here, got {method}: it "):
        started(method)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("CAGrad", {"d": 1}, "`options` of CAGrad c, norm_eps .*got c, d"),
        ("CAGrad", {"c": -1.0}, "suit CAGrad with 3 tasks.*non-negative"),
        ("NashMTL", {"n_tasks": 3}, "`options` of NashMTL max_norm, optim_niter .*got n_tasks"),
        ("AlignedMTL", {"scale_mode": "max"}, "suit AlignedMTL .*'min', 'median', or 'rmse'"),
        ("Krum", {"n_byzantine": 1}, "suit Krum with 3 tasks.*at least 4 rows"),
        ("UPGrad", {"pref_vector": [1.0]}, "each of the tasks tagger, ner, textcat"),
    ],
)
def test_wrong_options_say_which_there_are(method, options, message):
    with pytest.raises(MTLError, match=message):
        started(method, options=options)


def test_preferences_by_name_are_those_of_the_present_tasks():
    jacobian = np.abs(random_jacobian(0))  # no conflict: the preferences are the weights
    options = {"pref_vector": {"textcat": 3.0, "tagger": 1.0, "ner": 2.0}}
    balancer = started("UPGrad", options=options)
    assert weights_of(balancer, jacobian) == pytest.approx([1, 2, 3], abs=1e-6)
    assert weights_of(balancer, jacobian[1:], TASKS[1:]) == pytest.approx([2, 3], abs=1e-6)


def test_missing_solver_names_the_extra(monkeypatch):
    monkeypatch.setattr("torchjd._mixins.find_spec", lambda name: None)
    with pytest.raises(
        MTLError,
        match=r'solver of NashMTL.*[^.]\. Install it: pip install "spacy-mtl\[balancing\]"',
    ):
        started("NashMTL")


def test_wrong_settings():
    with pytest.raises(MTLError, match="`every` to be 1 or more, got 0"):
        GramianWeighting("UPGrad", every=0)


def test_gradients_are_needed():
    with pytest.raises(MTLError, match="gradients, which UPGrad needs, got none"):
        started("UPGrad").weights(ones())


def test_block_of_a_config():
    config = """
    [balancer]
    @mtl_balancers = "spacy_mtl.GramianWeighting.v1"
    method = "CAGrad"
    every = 2
    gram = "representation"

    [balancer.options]
    c = 0.2
    """
    balancer = registry.resolve(Config().from_str(config))["balancer"]
    balancer.start(TASKS)
    jacobian = random_jacobian(0)
    expected = weights_of(started("CAGrad", options={"c": 0.2}), jacobian)
    assert weights_of(balancer, jacobian) == pytest.approx(expected)


def test_a_task_that_comes_seldom_has_its_weight_computed_when_it_is_due():
    """Of the updates 1, 3, 6, 9 and 12; the others have theirs computed at 1, 4, 7 and 10 too."""
    balancer = started("MGDA", every=3)
    found = {}
    for update in range(1, 13):
        tasks = TASKS if update in (1, 3, 6, 9, 12) else TASKS[:2]
        jacobian = random_jacobian(update, n_tasks=len(tasks))
        expected = weights_of(started("MGDA"), jacobian, tasks).tolist()
        found[update] = weights_of(balancer, jacobian, tasks).tolist() == expected
    assert [update for update in found if found[update]] == [1, 4, 6, 9, 12]


def test_reset_forgets_all():
    balancer, new = started("GradVac"), started("GradVac")
    expected = [weights_of(new, random_jacobian(seed)).tolist() for seed in range(3)]
    weights_of(balancer, random_jacobian(7))
    balancer.reset()
    balancer.start(TASKS)
    assert [weights_of(balancer, random_jacobian(seed)).tolist() for seed in range(3)] == expected


def test_a_method_of_the_other_balancer():
    with pytest.raises(MTLError, match="got 'UW', which is a method of spacy_mtl.Scalarization.v1"):
        started("UW")


def test_kinds_differ_by_method():
    assert GramianWeighting("PCGrad").kind == "GramianWeighting PCGrad"
