"""The component and its balancer: who is asked, what the weights scale, what is kept."""

import warnings
from typing import Any

import numpy as np
import pytest
import spacy

from spacy_mtl.errors import MTLError

from .helpers import (
    SpyBalancer,
    head_bytes,
    make_examples,
    make_nlp,
    multitask,
    step,
    train,
    trained,
)

TASKS = ["tagger", "ner", "sentiment"]
NO_SGD: Any = False


def gradients_with(weights: dict[str, float], needs_gradients: bool) -> dict[str, Any]:
    """After an update from the same start: the gradients of the encoder and of each head."""
    nlp = trained(make_nlp(TASKS), 3)
    component = multitask(nlp)
    component.balancer = SpyBalancer(weights, needs_gradients)
    encoder: Any = nlp.get_pipe("tok2vec")
    nlp.update(make_examples(nlp), sgd=NO_SGD)
    models = {"encoder": encoder.model}
    models.update({name: component.model.get_ref(f"head:{name}") for name in TASKS})
    return {
        name: np.concatenate(
            [n.get_grad(p).ravel() for n in m.walk() for p in n.param_names if n.has_grad(p)]
        )
        for name, m in models.items()
    }


@pytest.mark.parametrize("needs_gradients", [False, True])
def test_the_encoders_gradient_is_the_weighted_sum(needs_gradients):
    parts = {
        name: gradients_with({o: float(o == name) for o in TASKS}, needs_gradients)["encoder"]
        for name in TASKS
    }
    weights = {"tagger": 0.5, "ner": 2.0, "sentiment": 3.0}
    expected = sum(weights[name] * part for name, part in parts.items())
    found = gradients_with(weights, needs_gradients)["encoder"]
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-3)


def test_weights_by_losses_scale_the_heads_and_those_by_gradients_do_not():
    plain = gradients_with({}, False)["ner"]
    np.testing.assert_allclose(gradients_with({"ner": 2.0}, False)["ner"], 2 * plain, rtol=1e-5)
    np.testing.assert_array_equal(gradients_with({"ner": 2.0}, True)["ner"], plain)


def test_a_balancer_sees_the_tasks_of_the_batch_and_their_gradients():
    nlp = trained(make_nlp(TASKS), 2)
    component = multitask(nlp)
    component.balancer = balancer = SpyBalancer(needs_gradients=True)
    nlp.update(make_examples(nlp, ["tagger", "ner"]), sgd=NO_SGD)
    [losses], [gradients] = balancer.losses, balancer.gradients
    assert list(losses) == ["tagger", "ner"] and all(loss > 0 for loss in losses.values())
    assert gradients is not None and gradients.tasks == ["tagger", "ner"]
    assert np.linalg.eigvalsh(gradients.gram()).min() > 0


def test_a_balancer_is_not_asked_about_nothing():
    nlp = trained(make_nlp(TASKS), 1)
    multitask(nlp).balancer = balancer = SpyBalancer()
    nlp.update(make_examples(nlp, []), sgd=NO_SGD)
    assert balancer.losses == []


def test_a_balancer_starts_with_training_and_not_with_loading(tmp_path):
    trained(make_nlp(TASKS), 1).to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    multitask(loaded).balancer = balancer = SpyBalancer()
    list(loaded.pipe(["Ana visits Rio"]))
    assert balancer.started == []
    train(loaded, 2)
    assert balancer.started == [TASKS]


def test_the_state_is_saved(tmp_path):
    nlp = trained(make_nlp(TASKS), 1)
    component = multitask(nlp)
    component.balancer = balancer = SpyBalancer()
    component.to_disk(tmp_path / "it")
    component.from_disk(tmp_path / "it")
    component.from_bytes(component.to_bytes())
    assert [state["x"].tolist() for state in balancer.loaded] == [[1.5, 2.5]] * 2
    (tmp_path / "it" / "balancer").unlink()
    with pytest.warns(UserWarning, match="'multitask' has no state of its balancer"):
        component.from_disk(tmp_path / "it")
    assert len(balancer.loaded) == 2


def test_a_task_of_weight_zero_does_not_move():
    nlp = trained(make_nlp(TASKS), 3)
    multitask(nlp).balancer = SpyBalancer({"ner": 0.0})
    before = head_bytes(nlp)
    optimizer = nlp.resume_training()
    for _ in range(2):
        step(nlp, optimizer, make_examples(nlp))
    after = head_bytes(nlp)
    assert {name for name in TASKS if before[name] == after[name]} == {"ner"}


def test_a_task_fades_out_by_a_schedule():
    schedule = {"@schedules": "constant_then.v1", "rate": 1.0, "steps": 2}
    schedule["schedule"] = {"@schedules": "constant.v1", "rate": 0.0}
    balancer = {"@mtl_balancers": "spacy_mtl.FixedWeights.v1", "weights": {"ner": schedule}}
    nlp = make_nlp(TASKS, balancer=balancer)
    optimizer = nlp.initialize(lambda: make_examples(nlp))
    moved = []
    for _ in range(4):
        before = head_bytes(nlp)
        step(nlp, optimizer, make_examples(nlp))
        moved.append(head_bytes(nlp)["ner"] != before["ner"])
    assert moved == [True, True, False, False]


def test_a_stopped_task_is_predicted_but_not_trained():
    nlp = trained(make_nlp(TASKS), 3)
    component = multitask(nlp)
    component.stopped_tasks = {"tagger"}
    before = head_bytes(nlp)
    losses = train(nlp, 2)
    after = head_bytes(nlp)
    assert {name for name in TASKS if before[name] == after[name]} == {"tagger"}
    assert losses["multitask_tagger"] == 0.0 and losses["multitask_ner"] > 0.0
    assert nlp("Ana visits Rio")[0].tag_


def test_mean_losses_and_weights_since_the_last_evaluation():
    nlp = trained(make_nlp(TASKS), 1)
    component = multitask(nlp)
    component.balancer = SpyBalancer({"ner": 3.0})
    losses: dict[str, float] = {}
    nlp.update(make_examples(nlp), sgd=NO_SGD, losses=losses)
    nlp.update(make_examples(nlp, ["ner"]), sgd=NO_SGD, losses=losses)
    assert component.task_weights == {"tagger": 1.0, "ner": 3.0, "sentiment": 1.0}
    assert component.task_losses["ner"] == losses["multitask_ner"]
    nlp.update(make_examples(nlp, ["tagger"]), sgd=NO_SGD, losses={})
    assert component.task_weights == {"tagger": 1.0}


def test_conflict_is_measured_at_its_interval():
    nlp = trained(make_nlp(TASKS, conflict_every=2), 0)
    component = multitask(nlp)
    losses: dict[str, float] = {}
    optimizer = nlp.resume_training()
    for _ in range(5):
        step(nlp, optimizer, make_examples(nlp), losses)
    report = component.conflict.report()
    assert report["steps"] == 2  # of the updates 0, 2 and 4; at 0 the heads are zero
    assert set(report["cosine"]) == {"ner tagger", "ner sentiment", "sentiment tagger"}
    assert set(report["norm"]) == set(TASKS)
    step(nlp, optimizer, make_examples(nlp), {})
    assert component.conflict.report() == {}


def test_main_scores_are_recorded():
    nlp = trained(make_nlp(), 3)
    component = multitask(nlp)
    assert len(component.history) == 0
    scores = nlp.evaluate(make_examples(nlp))
    expected = {
        "tagger": "tag_acc",
        "pos": "pos_acc",
        "morph": "morph_acc",
        "lemma": "lemma_acc",
        "ner": "ents_f",
        "things": "spans_things_f",
        "phrases": "spans_phrases_f",
        "sentiment": "cats_score",
        "topic": "topic_score",
    }
    for task, key in expected.items():
        assert component.history.scores(task) == [scores[key]]
    nlp.evaluate(make_examples(nlp, ["tagger"]))
    assert len(component.history) == 2
    other = type(component.history)()
    other.load_state(component.history.state())
    assert other.scores("ner") == component.history.scores("ner")


@pytest.mark.parametrize("block", ["GradNorm", "FixedWeights"])
def test_gradients_have_nothing_to_balance_in_homogeneous_batches(block):
    nlp = make_nlp(TASKS, balancer={"@mtl_balancers": f"spacy_mtl.{block}.v1"})
    nlp.config["training"]["batcher"] = {
        "@batchers": "spacy_mtl.MixtureBatches.v1",
        "size": 100,
        "batches": "homogeneous",
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nlp.initialize(lambda: make_examples(nlp))
    found = [w for w in caught if 'batches = "homogeneous"' in str(w.message)]
    assert [str(w.message).split()[0] for w in found] == ["GradNorm"] * (block == "GradNorm")


def test_no_balancer():
    with pytest.raises(MTLError, match=r"a balancer in \[components.multitask.balancer\], got 3"):
        make_nlp(TASKS, balancer={"@misc": "three"})


@spacy.registry.misc("three")
def three() -> int:
    return 3


SCHEDULE = {"@schedules": "compounding.v1", "start": 1.0, "stop": 8.0, "compound": 2.0}
GRAD_NORM = {"@mtl_balancers": "spacy_mtl.GradNorm.v1"}


def test_the_state_of_another_balancer_is_left_out(tmp_path):
    nlp = trained(make_nlp(TASKS), 1)
    nlp.to_disk(tmp_path)
    config = {"components.multitask.balancer": GRAD_NORM}
    with pytest.warns(UserWarning, match="'FixedWeights', and is left out.*has 'GradNorm'") as seen:
        loaded = spacy.load(tmp_path, config=config)
    assert len(seen) == 1
    train(loaded, 2)
    component = multitask(loaded)
    assert component.balancer.state()["update"] == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = multitask(make_nlp(TASKS, balancer=GRAD_NORM)).from_bytes(component.to_bytes())
    assert again.balancer.state() == component.balancer.state()


def test_training_goes_on_with_the_saved_state(tmp_path):
    nlp = trained(make_nlp(TASKS, balancer=GRAD_NORM), 3)
    before = multitask(nlp).balancer.state()
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    train(loaded, 1)
    after = multitask(loaded).balancer.state()
    assert after["update"] == 4 and after["first:ner"] != 0
    assert set(after) == set(before)
    loaded.initialize(lambda: make_examples(loaded))
    assert multitask(loaded).balancer.state()["update"] == 0


def test_initialize_begins_anew():
    nlp = trained(make_nlp(TASKS, balancer=GRAD_NORM, conflict_every=1), 3)
    component = multitask(nlp)
    nlp.evaluate(make_examples(nlp))
    component.stopped_tasks = {"ner"}
    component.encoder_frozen = True
    nlp.initialize(lambda: make_examples(nlp))
    assert len(component.history) == 0 and component.stopped_tasks == set()
    assert not component.encoder_frozen
    assert component.conflict.report() == component.task_losses == component.task_weights == {}
    new = make_nlp(TASKS, balancer=GRAD_NORM)
    new.initialize(lambda: make_examples(new))
    assert component.balancer.state() == multitask(new).balancer.state()


def test_a_schedule_that_has_gone_on_cannot_begin_anew():
    balancer = {"@mtl_balancers": "spacy_mtl.FixedWeights.v1", "weights": {"ner": SCHEDULE}}
    nlp = trained(make_nlp(TASKS, balancer=balancer), 2)
    component = multitask(nlp)
    component.stopped_tasks = {"ner"}
    with pytest.raises(MTLError, match="those of ner after 2 updates"):
        nlp.initialize(lambda: make_examples(nlp))
    assert component.stopped_tasks == {"ner"}
    again = make_nlp(TASKS, balancer=balancer).from_bytes(nlp.to_bytes())
    trained(again, 1)
    assert multitask(again).task_weights["ner"] == 1.0


def test_negative_interval_of_the_conflict():
    with pytest.raises(MTLError, match="`conflict_every` .* got -1"):
        make_nlp(TASKS, conflict_every=-1)
