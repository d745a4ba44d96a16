"""The topologies that are built in, in a component: what holds of each."""

from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language

from spacy_mtl.models.freezing import drop_gradients
from spacy_mtl.models.topologies import base as topologies
from spacy_mtl.models.topologies.soft import distance
from spacy_mtl.optimizing.parameter_state import gradient_array, value_of
from spacy_mtl.optimizing.parameters import Parameter, named_parameters

from .helpers import (
    ENCODER,
    LISTENER,
    TASKS,
    TEXTS,
    WIDTH,
    SpyBalancer,
    annotation,
    annotations,
    make_examples,
    multitask,
    randomize_heads,
    train,
    trained,
)

NAMES = ("ner", "sentiment", "tagger", "topic")
LAYER = {
    "@architectures": "spacy_mtl.WindowEncoder.v1",
    "width": WIDTH,
    "window_size": 1,
    "maxout_pieces": 2,
    "depth": 1,
}
SEES = {"ner": ["tagger"], "sentiment": ["tagger", "ner"], "topic": ["sentiment"]}
TOPOLOGIES: dict[str, dict[str, Any]] = {
    "soft": {"@architectures": "spacy_mtl.SoftSharing.v1", "tok2vec": ENCODER, "strength": 0.1},
    "cross-stitch": {
        "@architectures": "spacy_mtl.CrossStitch.v1",
        "tok2vec": LISTENER,
        "encode": LAYER,
    },
    "sluice": {
        "@architectures": "spacy_mtl.CrossStitch.v1",
        "tok2vec": ENCODER,
        "encode": LAYER,
        "subspaces": 2,
        "mix_layers": True,
    },
    "stacked": {
        "@architectures": "spacy_mtl.Stacked.v1",
        "tok2vec": LISTENER,
        "encode": LAYER,
        "sees": SEES,
    },
    "stacked-flat": {
        "@architectures": "spacy_mtl.Stacked.v1",
        "tok2vec": ENCODER,
        "sees": SEES,
        "stop_gradient": True,
    },
    "shared-private": {
        "@architectures": "spacy_mtl.SharedPrivate.v1",
        "tok2vec": LISTENER,
        "encode": LAYER,
        "reversal": {
            "@schedules": "warmup_linear.v1",
            "initial_rate": 0.5,
            "warmup_steps": 3,
            "total_steps": 20,
        },
    },
    "adversarial": {
        "@architectures": "spacy_mtl.SharedPrivate.v1",
        "tok2vec": ENCODER,
        "encode": LAYER,
        "corpora": ["one", "other"],
    },
}


OWN_TASKS = {task: TASKS[task] for task in NAMES}


def make(name: str, tasks: Any = OWN_TASKS, **settings: Any) -> Language:
    nlp = spacy.blank("en")
    model = settings.pop("model", TOPOLOGIES[name])
    if "upstream" in model["tok2vec"]:
        nlp.add_pipe("tok2vec", config={"model": ENCODER})
    nlp.add_pipe("multitask", config={"model": model, "tasks": tasks, **settings})
    return nlp


every_topology = pytest.mark.parametrize("name", TOPOLOGIES)


@every_topology
def test_learns_and_is_the_same_from_disk(name: str, tmp_path: Any) -> None:
    nlp = make(name)
    nlp = trained(nlp, 1)
    before = train(nlp, 1)["multitask"]
    assert train(nlp, 25)["multitask"] < 0.6 * before
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    for here, there in zip(nlp.pipe(TEXTS), loaded.pipe(TEXTS), strict=True):
        assert annotation(here) == annotation(there)
    assert loaded.to_bytes() == nlp.to_bytes()


@every_topology
def test_each_task_alone_predicts_what_it_predicts_among_all(name: str) -> None:
    nlp = trained(make(name), 12)
    expected = annotations(nlp)
    written = {"tagger": "tag", "ner": "ents", "sentiment": "cats", "topic": "cats"}
    for task in NAMES:
        multitask(nlp).active_tasks = [task]
        for found, full in zip(annotations(nlp), expected, strict=True):
            key = written[task]
            if key == "cats":
                full = {key: {n: value for n, value in full[key].items() if n.startswith(task)}}
            assert found[key] == full[key]


@every_topology
def test_a_batch_of_documents_and_each_by_itself(name: str) -> None:
    nlp = trained(make(name), 12)
    texts = [*TEXTS, ""]
    for text, doc in zip(texts, nlp.pipe(texts), strict=True):
        assert annotation(doc) == annotation(nlp(text))


@every_topology
def test_partly_labelled_batches_leave_other_heads_alone(name: str) -> None:
    nlp = trained(make(name), 6)
    model = multitask(nlp).model
    before = {task: topologies.head_of(model, task).to_bytes() for task in NAMES}
    train(nlp, 2, ["tagger"])
    moved = {task for task in NAMES if topologies.head_of(model, task).to_bytes() != before[task]}
    assert moved == {"tagger"}


@every_topology
def test_other_processes_predict_the_same(name: str) -> None:
    nlp = trained(make(name), 6)
    assert annotations(nlp, n_process=2, batch_size=3) == annotations(nlp)


@every_topology
def test_what_is_predicted_stays_when_a_label_is_added(name: str) -> None:
    nlp = trained(make(name), 12)
    before = annotations(nlp)
    multitask(nlp).add_label("topic:topic=new")
    for found, expected in zip(annotations(nlp), before, strict=True):
        assert found["cats"].pop("topic=new") == 0.5
        assert found == expected
    multitask(nlp).add_label("tagger:NEW")
    multitask(nlp).add_label("ner:NEW")
    train(nlp, 2)
    assert nlp.from_bytes(nlp.to_bytes()).to_bytes() == nlp.to_bytes()


def test_what_others_see_of_labels_stays_when_one_is_added() -> None:
    """The sum of the probabilities of the labels that are there, by their embeddings."""
    nlp = trained(make("stacked"), 12)
    model = multitask(nlp).model
    before = model.get_ref("labels_tagger_ner").get_param("E").copy()
    multitask(nlp).add_label("tagger:NEW")
    after: Any = model.get_ref("labels_tagger_ner").get_param("E")
    labels = multitask(nlp).labels_for("tagger")
    np.testing.assert_array_equal(after[[labels.index(n) for n in labels if n != "NEW"]], before)
    assert not after[labels.index("NEW")].any()


# What is minimized, beside the tasks' losses, where it is a number
OBJECTIVES: dict[str, Any] = {
    "soft": lambda nlp: 0.1 * distance(multitask(nlp).model),
    "cross-stitch": lambda nlp: 0.0,
    "sluice": lambda nlp: 0.0,
    "stacked": lambda nlp: 0.0,
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients_are_those_of_small_steps(name: str) -> None:
    plain = {**TASKS["tagger"], "label_smoothing": 0.0}  # which is no part of the loss it reports
    nlp = trained(make(name, tasks={**OWN_TASKS, "tagger": plain}), 3)
    randomize_heads(nlp)
    examples = make_examples(nlp)
    no_optimizer: Any = False
    balancer = multitask(nlp).balancer = SpyBalancer()

    def objective() -> float:
        nlp.update(examples, drop=0.0, sgd=no_optimizer)
        return float(sum(balancer.losses[-1].values()) + OBJECTIVES[name](nlp))

    forget(nlp)
    objective()
    if (own := topologies.own_steps(multitask(nlp).model)) is not None:
        own.step(multitask(nlp).model, NAMES)
    gradients: list[tuple[Parameter, Any]] = [
        (parameter, gradient_array(parameter).copy())
        for parameter in named_parameters(nlp)
        if gradient_array(parameter) is not None
    ]
    checked = set()
    for parameter, gradient in gradients:
        if (size := float(np.linalg.norm(gradient))) < 1e-2:
            continue
        value: Any = value_of(parameter)
        before, length = value.copy(), min(3e-3, 0.1 / size)
        sides = []
        for sign in (1, -1):
            value[...] = before + sign * length * gradient / size
            sides.append(objective())
        value[...] = before
        found = (sides[0] - sides[1]) / (2 * length)
        assert found == pytest.approx(size, rel=2e-2, abs=5e-2), parameter.name
        checked.add(parameter.name.split(".")[1])
    assert len(checked) > 5


def forget(nlp: Language) -> None:
    for _, pipe in nlp.pipeline:
        drop_gradients(pipe.model)  # type: ignore[attr-defined]
