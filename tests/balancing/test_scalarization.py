"""Weights from losses, against TorchJD's scalarizers and by their properties."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thinc.api import Config

from spacy_mtl.balancing._torchjd import scalarizers, undisturbed
from spacy_mtl.balancing.scalarization import Scalarization
from spacy_mtl.errors import MTLError
from spacy_mtl.registry import registry
from spacy_mtl.state import Stateful

from .helpers import TASKS, Unseen, ones

torch = pytest.importorskip("torch")
torchjd = pytest.importorskip("torchjd.scalarization")

VECTOR = [0.2, 0.5, 0.3]
OPTIONS = {
    "Constant": {"weights": VECTOR},
    "COSMOS": {"lambda_": 0.5, "weights": VECTOR},
    "PBI": {"theta": 0.5, "weights": VECTOR},
    "STCH": {"mu": 0.1, "weights": VECTOR, "reference": [0.1, 0.0, 0.2]},
}
METHODS = sorted(scalarizers())
STATELESS = sorted(set(METHODS) - {"UW", "IMTLL", "DWA", "Random"})
LEARNING = ["UW", "IMTLL"]


def started(method, tasks=TASKS, options=None, **settings):
    balancer = Scalarization(method, options or OPTIONS.get(method), **settings)
    balancer.start(list(tasks))
    return balancer


def random_losses(n, seed=0, tasks=TASKS):
    values = np.random.default_rng(seed).uniform(0.1, 3.0, size=(n, len(tasks)))
    return [dict(zip(tasks, map(float, row), strict=True)) for row in values]


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def torchjd_scalarizer(method, places=(0, 1, 2)):
    options = {
        name: tensor([value[i] for i in places]) if isinstance(value, list) else value
        for name, value in OPTIONS.get(method, {}).items()
    }
    shape = (len(places),) if method in LEARNING else ()
    return getattr(torchjd, method)(*shape, **options).double()


def derivatives(scalarizer, losses):
    values = tensor(list(losses.values())).requires_grad_()
    scalarizer(values).backward()
    return values.grad.tolist()


def test_methods_are_those_of_torchjd_without_the_one_that_cannot_work():
    assert {"UW", "DWA", "STCH", "GeometricMean", "IMTLL", "Random"} <= set(METHODS)
    assert not {"FAMO", "Scalarizer"} & set(METHODS)


@pytest.mark.parametrize("method", STATELESS)
def test_weights_are_the_derivatives_of_torchjds_scalarizer(method):
    balancer, scalarizer = started(method), torchjd_scalarizer(method)
    for losses in random_losses(5):
        found = balancer.weights(losses)
        assert list(found) == TASKS
        assert list(found.values()) == pytest.approx(derivatives(scalarizer, losses), abs=1e-9)


@pytest.mark.parametrize("method", LEARNING)
def test_learned_weights_are_those_of_torchs_adam(method):
    balancer, scalarizer = started(method, learn_rate=0.05), torchjd_scalarizer(method)
    optimizer = torch.optim.Adam(scalarizer.parameters(), lr=0.05)
    for losses in random_losses(40):
        optimizer.zero_grad()
        assert list(balancer.weights(losses).values()) == pytest.approx(
            derivatives(scalarizer, losses), abs=1e-6
        )
        optimizer.step()


def test_dwa_is_torchjds_with_a_step_after_each_epoch():
    balancer, scalarizer = started("DWA", epoch_length=3), torchjd_scalarizer("DWA")
    seen = []
    for update, losses in enumerate(random_losses(14)):
        found = list(balancer.weights(losses).values())
        assert found == pytest.approx(derivatives(scalarizer, losses), abs=1e-9)
        seen.append(found)
        if update % 3 == 2:
            scalarizer.step()
    assert seen[:6] == [[1.0] * 3] * 6
    assert len({tuple(weights) for weights in seen}) == 4
    assert all(sum(weights) == pytest.approx(3) for weights in seen)


def test_random_weights_are_torchjds_from_the_seed_and_the_update():
    balancer, scalarizer = started("Random", seed=5), torchjd_scalarizer("Random")
    for update, losses in enumerate(random_losses(4)):
        with undisturbed(5, update):
            expected = derivatives(scalarizer, losses)
        assert list(balancer.weights(losses).values()) == pytest.approx(expected, abs=1e-9)
    assert started("Random", seed=6).weights(ones()) != started("Random", seed=5).weights(ones())


def test_nobody_elses_random_numbers_are_disturbed():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    started("Random").weights(ones())
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"Random"}))
def test_order_of_the_losses_does_not_matter(method):
    balancer, turned = started(method, epoch_length=2), started(method, epoch_length=2)
    for losses in random_losses(8):
        found = balancer.weights(losses)
        backwards = turned.weights(dict(reversed(losses.items())))
        assert backwards == pytest.approx(found, abs=1e-12)
        assert list(backwards) == TASKS[::-1]


@settings(derandomize=True, deadline=None, max_examples=25)
@given(scales=st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=3), seed=st.integers(0, 999))
def test_scaling_of_losses(scales, seed):
    history = random_losses(6, seed)
    scaled = [
        {task: loss * scale for (task, loss), scale in zip(losses.items(), scales, strict=True)}
        for losses in history
    ]
    # DWA looks at ratios of losses: the scale of each is gone.
    plain, other = started("DWA", epoch_length=2), started("DWA", epoch_length=2)
    for losses, same in zip(history, scaled, strict=True):
        assert other.weights(same) == pytest.approx(plain.weights(losses), rel=1e-6)
    # The geometric mean gives each task the same share of the scalar, whatever its scale.
    weights = started("GeometricMean").weights(scaled[0])
    shares = [weights[task] * loss for task, loss in scaled[0].items()]
    assert shares == pytest.approx([shares[0]] * 3, rel=1e-6)


@pytest.mark.parametrize("method", STATELESS)
def test_stateless_methods_get_the_present_tasks_alone(method):
    losses = {"tagger": 1.5, "textcat": 0.5}
    expected = derivatives(torchjd_scalarizer(method, places=(0, 2)), losses)
    assert list(started(method).weights(losses).values()) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("method", ["UW", "IMTLL", "DWA"])
def test_what_is_known_about_absent_tasks_stays(method):
    balancer = started(method, epoch_length=2)
    for losses in random_losses(5):
        balancer.weights(losses)
    before = balancer.state()
    for losses in random_losses(5, seed=1, tasks=["tagger", "ner"]):
        assert set(balancer.weights(losses)) == {"tagger", "ner"}
    after = balancer.state()
    assert all(after[key] == before[key] for key in before if key.endswith(":textcat"))
    changed = {key for key in before if after[key] != before[key]}
    assert len(changed & {key for key in before if key.endswith(":ner")}) >= 2


@pytest.mark.parametrize("method", LEARNING)
def test_a_task_learns_from_its_own_batches_alone(method):
    mixed, alone = started(method), started(method)
    for update, losses in enumerate(random_losses(9)):
        present = {task: losses[task] for task in (TASKS if update % 3 == 0 else TASKS[:2])}
        weights = mixed.weights(present)
        if "textcat" in present:
            expected = alone.weights({"textcat": losses["textcat"]})
            assert weights["textcat"] == expected["textcat"]


def test_uncertainty_weights_approach_one_over_twice_the_loss():
    balancer = started("UW", learn_rate=0.1)
    for _ in range(300):
        weights = balancer.weights({"tagger": 4.0, "ner": 0.25, "textcat": 1.0})
    assert weights == pytest.approx({"tagger": 0.125, "ner": 2.0, "textcat": 0.5}, rel=1e-2)


@pytest.mark.parametrize("method", METHODS)
def test_state_goes_on_exactly(method):
    balancer, other = started(method, epoch_length=2), started(method, epoch_length=2)
    assert isinstance(balancer, Stateful)
    history = random_losses(12)
    for losses in history[:7]:
        balancer.weights(losses)
    state = balancer.state()
    assert all(value.dtype.kind in "fi" for value in state.values())
    late = Scalarization(method, OPTIONS.get(method), epoch_length=2)
    late.load_state(state)  # before it knows the tasks, as a pipeline that is loaded
    assert late.state() == state
    late.start(TASKS)
    other.load_state(state)
    for losses in history[7:]:
        expected = balancer.weights(losses)
        assert other.weights(losses) == expected
        assert late.weights(losses) == expected


def test_states_are_copies():
    balancer = started("UW")
    state = balancer.state()
    state["log_var:ner"] += 7
    assert balancer.weights(ones())["ner"] == 0.5


def test_the_state_before_any_update_is_a_new_start():
    empty = Scalarization("UW").state()
    balancer = started("UW")
    for losses in random_losses(3):
        balancer.weights(losses)
    balancer.load_state(empty)
    assert balancer.weights(ones()) == started("UW").weights(ones())


def test_starting_again_changes_nothing():
    balancer = started("UW")
    balancer.weights({"tagger": 9.0, "ner": 9.0, "textcat": 9.0})
    before = balancer.state()
    balancer.start(TASKS)
    assert balancer.state() == before


@pytest.mark.parametrize("tasks", [TASKS[:2], [*TASKS, "pos"], ["tagger", "ner", "sentiment"]])
def test_states_of_other_tasks_or_methods_are_refused(tasks):
    balancer = started("UW")
    with pytest.raises(MTLError, match="same tasks and method"):
        balancer.load_state(started("UW", tasks=tasks).state())
    with pytest.raises(MTLError, match="same tasks and method.*log_scale:ner"):
        balancer.load_state(started("IMTLL").state())
    waiting = Scalarization("UW")
    waiting.load_state(started("UW", tasks=tasks).state())
    with pytest.raises(MTLError, match="same tasks and method"):
        waiting.start(TASKS)


def test_states_of_other_shapes_are_refused():
    balancer = started("UW")
    state = balancer.state()
    state["log_var:ner"] = np.zeros(3)
    with pytest.raises(MTLError, match=r"one number for 'log_var:ner'.*\(3,\)"):
        balancer.load_state(state)


def test_a_loss_without_derivatives_leaves_the_last_weights_with_one_warning():
    balancer = started("GeometricMean")
    with pytest.warns(UserWarning, match="GeometricMean gave no weights.*finite"):
        assert balancer.weights({"ner": 0.0, "tagger": 1.0}) == {"ner": 1.0, "tagger": 1.0}
    good = balancer.weights({"ner": 0.5, "tagger": 1.0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert balancer.weights({"ner": 0.0, "tagger": 1.0}) == good


@pytest.mark.parametrize("method", ["UW", "IMTLL", "DWA"])
@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_broken_loss_poisons_nothing(method, loss):
    balancer, spared = started(method, epoch_length=2), started(method, epoch_length=2)
    history = random_losses(8)
    for losses in history[:4]:
        balancer.weights(losses)
        spared.weights(losses)
    with pytest.warns(UserWarning, match="gave no weights"):
        found = balancer.weights({**history[4], "ner": loss})
    assert np.isfinite(list(found.values())).all()
    for losses in history[5:]:
        assert balancer.weights(losses) == spared.weights(losses)


def test_unknown_method():
    with pytest.raises(MTLError, match="DWA, GeometricMean.*got 'uw'"):
        started("uw")


def test_famo_is_refused_with_the_reason():
    with pytest.raises(MTLError, match="FAMO: it needs the losses .* again .*Try UW"):
        started("FAMO")


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("DWA", {"temprature": 1.0}, "`options` of DWA temperature .*got temprature"),
        ("UW", {"shape": 3}, "`options` of UW nothing .*got shape"),
        ("COSMOS", {"lambda_": 1.0}, "must have: lambda_, weights.*got lambda_"),
        ("DWA", {"temperature": -1.0}, "suit DWA with 3 tasks.*strictly positive"),
        ("DWA", {"temperature": "warm"}, "suit DWA with 3 tasks"),
        ("Constant", {"weights": [1.0, 2.0]}, "each of the tasks tagger, ner, textcat"),
        ("Constant", {"weights": {"ner": 1.0}}, "each of the tasks tagger, ner, textcat"),
        ("Constant", {"weights": "heavy"}, "each of the tasks tagger, ner, textcat"),
    ],
)
def test_wrong_options_say_which_there_are(method, options, message):
    with pytest.raises(MTLError, match=message):
        started(method, options=options)


def test_vectors_by_name():
    options = {"weights": {"textcat": 3.0, "ner": 2.0, "tagger": 1.0}}
    balancer = started("Constant", options=options)
    assert balancer.weights({"ner": 5.0, "textcat": 6.0}) == {"ner": 2.0, "textcat": 3.0}


@pytest.mark.parametrize("wrong", [{"learn_rate": 0.0}, {"epoch_length": 0}])
def test_wrong_settings(wrong):
    with pytest.raises(MTLError, match="learn_rate above 0 and an epoch_length of 1 or more"):
        Scalarization("UW", **wrong)


def test_weights_of_tasks_that_were_not_announced():
    with pytest.raises(MTLError, match=r"got nre too.*start\(tasks\)"):
        started("UW").weights({"ner": 1.0, "nre": 1.0})


def test_without_torchjd_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchjd.scalarization", None)
    with pytest.raises(MTLError, match=r'pip install "spacy-mtl\[balancing\]"'):
        started("UW")


def test_a_loaded_pipeline_does_not_import_torchjd():
    code = """
import sys
from spacy_mtl.balancing.scalarization import Scalarization
from spacy_mtl.balancing.gramian import GramianWeighting
for balancer in (Scalarization("UW"), GramianWeighting("UPGrad")):
    balancer.load_state({"update": 1.0, "weight:ner": 0.5})
    assert set(balancer.state()) == {"update", "weight:ner"}
assert "torchjd" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_block_of_a_config():
    config = """
    [balancer]
    @mtl_balancers = "spacy_mtl.Scalarization.v1"
    method = "STCH"

    [balancer.options]
    mu = 0.5

    [balancer.options.weights]
    ner = 0.75
    tagger = 0.25
    """
    balancer = registry.resolve(Config().from_str(config))["balancer"]
    balancer.start(["tagger", "ner"])
    weights = balancer.weights({"tagger": 1.0, "ner": 1.0})
    assert weights["ner"] > weights["tagger"] > 0


def test_losses_that_cannot_be_seen_are_an_error():
    balancer = started("UW")
    before = balancer.state()
    with pytest.raises(MTLError, match="unseen"):
        balancer.weights(Unseen(ones()))
    assert balancer.state() == before


def test_a_method_of_the_other_balancer():
    with pytest.raises(MTLError, match="'UPGrad', which is a method of .*GramianWeighting.v1"):
        started("UPGrad")


def test_kinds_differ_by_method():
    assert Scalarization("UW").kind == "Scalarization UW" != Scalarization("DWA").kind
