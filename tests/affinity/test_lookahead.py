from typing import Any

import numpy as np
import pytest
from pipeline.foreign import LISTENING, STACKED
from pipeline.helpers import LISTENER, make_examples, make_nlp, multitask, trained
from pipeline.helpers import TASKS as BLOCKS
from spacy.language import Language
from thinc.api import SGD

from spacy_mtl.affinity.lookahead import Measurement, measure
from spacy_mtl.affinity.replica import Batch, Replica

from .helpers import WIDTH, by_hand, linear_examples, linear_nlp, set_head

TASKS = ["tagger", "pos"]
RATE = 0.05


def measured(nlp: Language, *batches: Any) -> Measurement:
    """With SGD; `batches` are the tasks that each has labels for, the latest last."""
    component, latest = multitask(nlp), {}
    for layers in batches or (("tagger", "pos"),):
        batch = Batch.of(component, TASKS, linear_examples(nlp, layers))
        latest.update(dict.fromkeys(batch.tasks, batch))
    optimizer: Any = SGD(RATE, grad_clip=0.0, L2=0.0)
    return measure(Replica(nlp, component, optimizer), TASKS, latest)


def test_as_computed_by_hand() -> None:
    nlp = linear_nlp()
    expected = by_hand(nlp, RATE)
    assert abs(expected).min() > 0.001
    np.testing.assert_allclose(measured(nlp).affinity, expected, atol=1e-5)


def test_steps_have_the_tasks_weights() -> None:
    nlp = linear_nlp(
        balancer={"@mtl_balancers": "spacy_mtl.FixedWeights.v1", "weights": {"pos": 0.25}}
    )
    nlp.update(linear_examples(nlp), sgd=False)
    np.testing.assert_allclose(measured(nlp).affinity, by_hand(nlp, RATE, (1.0, 0.25)), atol=1e-5)


def test_cosines_are_of_the_shared_layer() -> None:
    nlp = linear_nlp()
    component = multitask(nlp)
    replica = Replica(nlp, component, SGD(RATE))
    batch = Batch.of(component, TASKS, linear_examples(nlp))
    rows = [(X.T @ dX).ravel() for X, dX, _ in (replica.backward(task, batch) for task in TASKS)]
    expected = rows[0] @ rows[1] / np.linalg.norm(rows[0]) / np.linalg.norm(rows[1])
    found = measured(nlp).cosines
    assert found == pytest.approx(np.array([[1, expected], [expected, 1]]), abs=1e-5)


def test_copies_help_and_opposites_hurt() -> None:
    nlp = linear_nlp()
    W = 0.2 * np.random.default_rng(2).normal(size=(3, WIDTH))  # all classes about as likely
    set_head(nlp, "tagger", W, np.zeros(3))
    set_head(nlp, "pos", W, np.zeros(3))
    same = measured(nlp)
    assert same.affinity[0, 1] == pytest.approx(same.affinity[0, 0])
    assert same.affinity.min() > 0.002
    assert same.cosines[0, 1] == pytest.approx(1.0)
    set_head(nlp, "pos", -W, np.zeros(3))
    opposite = measured(nlp)
    assert opposite.affinity[0, 1] < -0.002 and opposite.affinity[1, 0] < -0.002
    assert opposite.affinity.diagonal().min() > 0.002
    assert opposite.cosines[0, 1] < -0.5


def test_batches_without_labels_for_both() -> None:
    nlp = linear_nlp()
    apart = measured(nlp, ("tagger",), ("pos",))
    assert apart.same_batch.tolist() == [[True, False], [False, True]]
    # The texts are the same, so nothing else differs.
    np.testing.assert_allclose(apart.affinity, measured(nlp).affinity, atol=1e-6)
    np.testing.assert_allclose(apart.cosines, measured(nlp).cosines, atol=1e-6)
    shared = measured(nlp, ("tagger", "pos"), ("pos",))
    assert shared.same_batch.tolist() == [[True, True], [False, True]]


def test_a_task_without_batch_or_gradient_is_missing() -> None:
    nlp = linear_nlp()
    alone = measured(nlp, ("tagger",))
    assert not np.isnan(alone.affinity[0, 0]) and np.isnan(alone.affinity[1]).all()
    set_head(nlp, "pos", np.zeros((3, WIDTH)), np.zeros(3))
    flat = measured(nlp)
    assert np.isnan(flat.affinity[1]).all() and np.isnan(flat.cosines[1]).all()
    assert flat.affinity[0, 1] == 0.0  # its scores do not depend on the encoder


def test_a_loss_of_zero_has_no_ratio() -> None:
    nlp = linear_nlp()
    component = multitask(nlp)
    batch = Batch.of(component, TASKS, linear_examples(nlp))
    replica = Replica(nlp, component, SGD(RATE))
    losses = replica.losses
    replica.losses = lambda *args: {**losses(*args), "pos": 0.0}  # type: ignore[method-assign]
    found = measure(replica, TASKS, dict.fromkeys(TASKS, batch))
    assert np.isnan(found.affinity[:, 1]).all() and not np.isnan(found.affinity[:, 0]).any()


def measured_with(model: dict[str, Any]) -> Measurement:
    names = ("tagger", "pos", "ner")
    nlp = make_nlp({name: BLOCKS[name] for name in names})
    tasks = {name: BLOCKS[name] for name in names}
    nlp.replace_pipe("multitask", "multitask", config={"model": model, "tasks": tasks})
    nlp = trained(nlp, layers=names)
    batch = Batch.of(multitask(nlp), names, make_examples(nlp, names))
    replica = Replica(nlp, multitask(nlp), SGD(0.01))
    return measure(replica, names, dict.fromkeys(names, batch))


def test_tasks_of_different_encoders_do_not_compare() -> None:
    found = measured_with(LISTENING)
    for matrix in (found.cosines, found.affinity):
        assert np.isfinite(matrix[:2, :2]).all() and np.isfinite(matrix[2, 2])
        assert np.isnan(matrix[2, :2]).all() and np.isnan(matrix[:2, 2]).all()


def test_what_shares_an_encoder_at_another_place_has_affinity_and_no_cosine() -> None:
    found = measured_with({**STACKED, "tok2vec": LISTENER})
    assert np.isfinite(found.affinity).all() and found.affinity.all()
    assert np.isfinite(found.cosines[:2, :2]).all() and np.isnan(found.cosines[2, :2]).all()
