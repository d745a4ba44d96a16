"""Topologies other than hard sharing, through the component."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pytest
import spacy
from pipeline.helpers import ENCODER, TASKS, make_examples, multitask
from spacy.tokens import Doc
from thinc.api import Model

from spacy_mtl.models.packed import Packed
from spacy_mtl.models.topologies.base import (
    Represented,
    encode,
    encoders,
    head_of,
    run_head,
    summed,
    topology,
)


def TwoEncoders(tok2vec: Model, second: Model, on_second: list[str]) -> Model:
    """Two encoders; the tasks that are named learn from the second."""

    def represent(model: Model, docs: list[Doc], tasks: list[str], is_train: bool) -> Represented:
        sites = {task: "second" if task in on_second else "tok2vec" for task in tasks}
        ran = {name: encode(node, docs, is_train) for name, node in encoders(model).items()}

        def backprop(gradients: Mapping[str, Any], frozen: Collection[str] = ()) -> list[str]:
            for name, (packed, bp_encode) in ran.items():
                if name not in frozen:
                    own = [dX for task, dX in gradients.items() if sites[task] == name]
                    bp_encode(summed(model.ops, packed, own))
            return []

        return Represented({task: ran[site][0] for task, site in sites.items()}, sites, backprop)

    return topology("two_encoders", represent, {"tok2vec": tok2vec, "second": second})


def Stacked(tok2vec: Model, lower: str, upper: str) -> Model:
    """One encoder; the upper task sees the scores of the lower one beside it."""

    def represent(model: Model, docs: list[Doc], tasks: list[str], is_train: bool) -> Represented:
        packed, bp_encode = encode(encoders(model)["tok2vec"], docs, is_train)
        seen, ran = dict.fromkeys(tasks, packed), {}
        if upper in tasks:
            ran[lower] = run_head(model, lower, packed, is_train)
            X = model.ops.xp.hstack([packed.X, ran[lower].scores])
            seen[upper] = Packed(X, packed.lengths, packed.docs)
        width = packed.X.shape[1]

        def backprop(gradients: Mapping[str, Any], frozen: Collection[str] = ()) -> list[str]:
            own = [dX[:, :width] for dX in gradients.values()]
            if upper in gradients:
                own.append(ran[lower].backprop(gradients[upper][:, width:]))
            if "tok2vec" not in frozen:
                bp_encode(summed(model.ops, packed, own))
            return [lower] if upper in gradients else []

        sites = {task: "stacked" if task == upper else "tok2vec" for task in tasks}
        return Represented(seen, sites, backprop, ran)

    return topology("stacked", represent, {"tok2vec": tok2vec})


spacy.registry.architectures.register("spacy_mtl_tests.TwoEncoders.v1", func=TwoEncoders)
spacy.registry.architectures.register("spacy_mtl_tests.Stacked.v1", func=Stacked)
TWO = {
    "@architectures": "spacy_mtl_tests.TwoEncoders.v1",
    "tok2vec": ENCODER,
    "second": {**ENCODER, "width": 24},
    "on_second": ["ner"],
}
STACKED = {
    "@architectures": "spacy_mtl_tests.Stacked.v1",
    "tok2vec": ENCODER,
    "lower": "tagger",
    "upper": "ner",
}
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
