"""Topologies other than hard sharing, through the component."""

from typing import Any

import numpy as np
import pytest
import spacy
from pipeline.foreign import STACKED, TWO
from pipeline.helpers import TASKS, make_examples, multitask

from spacy_mtl.errors import MTLError
from spacy_mtl.models.topologies.base import (
    encoders,
    head_of,
)

SIDE_BY_SIDE = ("tagger", "pos", "ner")


def optimizer_of(nlp: Any) -> Any:
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.02
    return optimizer


def build(model: dict[str, Any], **settings: Any) -> Any:
    nlp = spacy.blank("en")
    tasks = {name: TASKS[name] for name in SIDE_BY_SIDE}
    nlp.add_pipe("multitask", config={"model": model, "tasks": tasks, **settings})
    return nlp


def trained(model: dict[str, Any], layers: Any = SIDE_BY_SIDE, **settings: Any) -> Any:
    """A pipeline after some updates of all tasks, of which heads are zero no more."""
    nlp = build(model, **settings)
    nlp.initialize(lambda: make_examples(nlp, layers))
    for _ in range(3):
        nlp.update(make_examples(nlp, layers), sgd=optimizer_of(nlp))
    return nlp


def gradients_after(nlp: Any, layers: Any) -> dict[str, bool]:
    """Whether the gradient of each task's head, and of each encoder, is not zero."""
    multitask(nlp).update(make_examples(nlp, layers))
    model = multitask(nlp).model
    parts = {task: head_of(model, task) for task in multitask(nlp).tasks} | encoders(model)
    return {
        name: any(
            node.has_grad(param) and node.get_grad(param).any()
            for node in part.walk()
            for param in node.param_names
        )
        for name, part in parts.items()
    }


@pytest.mark.parametrize("model", [TWO, STACKED])
def test_it_trains_predicts_and_loads(model, tmp_path):
    nlp = trained(model)
    before = [doc.to_json() for doc in nlp.pipe(["Ana visits Rio .", "", "Nice food !"])]
    nlp.to_disk(tmp_path)
    after = spacy.load(tmp_path).pipe(["Ana visits Rio .", "", "Nice food !"])
    assert [doc.to_json() for doc in after] == before


@pytest.mark.parametrize("model", [TWO, STACKED])
def test_it_learns(model):
    nlp = trained(model)
    optimizer = optimizer_of(nlp)
    first: dict[str, float] = nlp.update(make_examples(nlp, SIDE_BY_SIDE), sgd=optimizer)
    for _ in range(30):
        losses = nlp.update(make_examples(nlp, SIDE_BY_SIDE), sgd=optimizer)
    for task in SIDE_BY_SIDE:
        assert losses[f"multitask_{task}"] < first[f"multitask_{task}"] / 2


def test_each_encoder_gets_the_gradient_of_its_tasks_alone():
    nlp = trained(TWO)
    assert gradients_after(nlp, ["ner"]) == {
        "tagger": False,
        "pos": False,
        "ner": True,
        "tok2vec": False,
        "second": True,
    }


def test_a_frozen_encoder_gets_none():
    nlp = trained(TWO)
    multitask(nlp).frozen_encoders = {"second"}
    assert not multitask(nlp).encoder_frozen
    found = gradients_after(nlp, SIDE_BY_SIDE)
    assert found["tok2vec"] and found["ner"] and not found["second"]


def test_a_head_that_passes_a_gradient_on_is_stepped_without_labels_of_its_own():
    nlp = trained(STACKED)
    component = multitask(nlp)
    output = head_of(component.model, "tagger").get_ref("output")
    before = output.get_param("W").copy()
    nlp.update(make_examples(nlp, ["ner"]), sgd=optimizer_of(nlp))
    assert not np.array_equal(before, output.get_param("W"))
    other = head_of(component.model, "pos").get_ref("output")
    assert not other.has_grad("W") or not other.get_grad("W").any()


def test_the_upper_task_runs_what_it_sees_when_it_is_active_alone():
    nlp = trained(STACKED)
    multitask(nlp).active_tasks = ["ner"]
    doc = nlp("Ana visits Rio .")
    assert not doc.has_annotation("TAG")
    assert doc.has_annotation("ENT_IOB")


def test_gradients_are_compared_at_one_site():
    nlp = trained(TWO, conflict_every=1)
    multitask(nlp).conflict.reset()
    multitask(nlp).update(make_examples(nlp, SIDE_BY_SIDE))
    assert set(multitask(nlp).conflict.report()["cosine"]) == {"pos tagger"}


@pytest.mark.parametrize(
    "balancer",
    [
        {"@mtl_balancers": "spacy_mtl.GradNorm.v1"},
        {"@mtl_balancers": "spacy_mtl.GramianWeighting.v1", "method": "PCGrad"},
    ],
)
def test_balancers_by_gradients_say_where_nothing_compares(balancer):
    pytest.importorskip("torchjd")
    model = {**TWO, "on_second": ["ner"]}
    nlp = spacy.blank("en")
    tasks = {name: TASKS[name] for name in ("tagger", "ner")}
    nlp.add_pipe("multitask", config={"model": model, "tasks": tasks, "balancer": balancer})
    nlp.initialize(lambda: make_examples(nlp, ["tagger", "ner"]))
    optimizer = optimizer_of(nlp)
    with pytest.warns(UserWarning, match="no two of the tasks tagger, ner learn from the same"):
        for _ in range(3):
            nlp.update(make_examples(nlp, ["tagger", "ner"]), sgd=optimizer)
    assert multitask(nlp).task_weights == {"tagger": 1.0, "ner": 1.0}


def test_a_balancer_by_gradients_weighs_the_tasks_of_one_site():
    pytest.importorskip("torchjd")
    balancer = {"@mtl_balancers": "spacy_mtl.GramianWeighting.v1", "method": "UPGrad"}
    nlp = trained(TWO, balancer=balancer)
    nlp.update(make_examples(nlp, SIDE_BY_SIDE), sgd=optimizer_of(nlp), losses={})
    weights = multitask(nlp).task_weights
    assert weights["ner"] == 1.0
    assert weights["tagger"] != 1.0


def test_a_name_that_no_task_has():
    with pytest.raises(MTLError, match="got nerr. Correct the names or take them out"):
        build({**TWO, "on_second": ["nerr", "ner"]})
    build({**TWO, "on_second": ["nerr", "ner"]}, absent=["nerr"])


def test_a_head_that_must_be_there():
    with pytest.raises(MTLError, match="what the task 'ner' needs, tags, .* in .*multitask.model"):
        build({**STACKED, "lower": "tags"}, absent=["tags"])
    build({**STACKED, "upper": "parser"}, absent=["parser"])


def test_a_head_that_is_missing_unsaid():
    with pytest.raises(
        MTLError, match="a task 'x' for the topology 'two_encoders', which .*, got ner, pos, tagger"
    ):
        head_of(multitask(build(TWO)).model, "x")


def test_a_stopped_task_does_not_move_by_what_it_passes_on():
    nlp = trained(STACKED)
    component = multitask(nlp)
    optimizer = optimizer_of(nlp)
    component.stopped_tasks = {"tagger"}
    before = head_of(component.model, "tagger").to_bytes()
    for _ in range(2):
        nlp.update(make_examples(nlp, SIDE_BY_SIDE), sgd=optimizer)
    assert head_of(component.model, "tagger").to_bytes() == before
    assert not gradients_after(nlp, ["ner"])["tagger"]  # nor later, by what was kept


def test_settings_that_are_saved(tmp_path):
    nlp = trained(TWO)
    nlp.to_disk(tmp_path)
    loaded = multitask(spacy.load(tmp_path))
    assert loaded.model.attrs["tasks"] == ["ner"]
    assert not loaded.needs["ner"] and multitask(trained(STACKED)).needs["ner"] == ["tagger"]
