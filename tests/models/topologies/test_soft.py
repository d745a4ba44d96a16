from typing import Any

import numpy as np
import pytest
from pipeline.helpers import TASKS, make_examples, multitask, randomize_heads, step, trained
from pipeline.test_topologies import make
from spacy.language import Language
from spacy.training import Example

from spacy_mtl.errors import MTLError
from spacy_mtl.models.freezing import drop_gradients
from spacy_mtl.models.topologies import soft
from spacy_mtl.models.topologies.base import encoders, represent
from spacy_mtl.models.topologies.represented import Labelled

NO_OPTIMIZER: Any = False


def pipeline(strength: Any = 0.1) -> Language:
    nlp = make("soft", {name: TASKS[name] for name in ("ner", "tagger")})
    component = multitask(nlp)
    component.model.attrs["own"] = soft.OwnSteps(strength, "`strength`", soft._pull_together)
    nlp.initialize(lambda: make_examples(nlp))
    return nlp


def test_the_penalty_draws_encoders_together() -> None:
    far, near = pipeline(0.0), pipeline(100.0)
    for nlp in (far, near):
        before = soft.distance(multitask(nlp).model)
        optimizer = nlp.resume_training()
        for _ in range(20):
            step(nlp, optimizer, make_examples(nlp))
        assert before > 1
    assert soft.distance(multitask(near).model) < 0.9 * soft.distance(multitask(far).model)


def test_the_gradient_is_twice_the_distance_from_the_mean() -> None:
    nlp = pipeline(0.25)
    model = multitask(nlp).model
    nlp.update(make_examples(nlp), sgd=NO_OPTIMIZER)
    towers = list(encoders(model).values())
    nodes = [next(n for n in tower.walk() if n.name == "maxout") for tower in towers]
    before = [node.get_grad("W").copy() for node in nodes]
    values = [node.get_param("W") for node in nodes]
    soft._pull_together(model, 0.25, ["ner", "tagger"])
    for node, old, value in zip(nodes, before, values, strict=True):
        expected = old + 2 * 0.25 * (value - np.mean(values, axis=0))
        np.testing.assert_allclose(node.get_grad("W"), expected, rtol=1e-4, atol=1e-5)


def test_of_a_table_the_rows_that_a_batch_looks_up_are_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(soft, "TABLE", 100)
    nlp = pipeline()
    randomize_heads(nlp)
    nlp.update(make_examples(nlp)[:1], sgd=NO_OPTIMIZER)
    tower = multitask(nlp).model.get_ref("tok2vec_tagger")
    table = next(node for node in tower.walk() if node.name == "hashembed")
    moved = table.get_grad("E").any(axis=1)
    soft._pull_together(multitask(nlp).model, 1.0, ["tagger"])
    assert 0 < moved.sum() < len(moved)
    np.testing.assert_array_equal(table.get_grad("E").any(axis=1), moved)


def test_encoders_of_tasks_that_a_batch_has_not_rest() -> None:
    nlp = trained(make("soft"), 4)
    towers = encoders(multitask(nlp).model)
    before = {name: tower.to_bytes() for name, tower in towers.items()}
    step(nlp, nlp.resume_training(), make_examples(nlp, ["tagger"]))
    moved = {name for name, tower in towers.items() if tower.to_bytes() != before[name]}
    assert moved == {"tok2vec_tagger"}


def test_the_penalty_does_not_pile_up_in_encoders_that_rest() -> None:
    nlp = trained(make("soft"), 3)
    tower = multitask(nlp).model.get_ref("tok2vec_ner")
    optimizer = nlp.resume_training()
    for _ in range(3):
        step(nlp, optimizer, make_examples(nlp, ["tagger"]))
        gradients = [n.get_grad(p) for n in tower.walk() for p in n.param_names if n.has_grad(p)]
        assert gradients and not any(gradient.any() for gradient in gradients)


def test_an_encoder_sees_the_documents_of_its_task_in_training() -> None:
    nlp = pipeline()
    model = multitask(nlp).model
    docs = [example.predicted for example in make_examples(nlp)]
    own = {"ner": [0, 2], "tagger": [1, 3, 4]}
    found = represent(model, docs, list(own), True, Labelled(len(docs), own.__getitem__))
    for task, numbers in own.items():
        assert found.packed[task].docs == [docs[number] for number in numbers]
        assert found.documents[task] == numbers
    found = represent(model, docs, list(own), False)
    assert all(found.packed[task].docs == docs for task in own)


def test_nothing_is_lost_by_the_documents_that_a_tower_does_not_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same gradients as where every tower sees everything, and fewer documents."""
    nlp = trained(make("soft"), 3)
    mixed: list[Example] = make_examples(nlp, [["ner"], ["tagger"], ["ner"], [], ["tagger"], []])
    towers = {n: multitask(nlp).model.get_ref(f"tok2vec_{n}") for n in ("ner", "tagger")}

    def gradients() -> list[Any]:
        drop_gradients(multitask(nlp).model)
        nlp.update(mixed, sgd=NO_OPTIMIZER)
        nodes = [node for tower in towers.values() for node in tower.walk()]
        return [n.get_grad(p).copy() for n in nodes for p in n.param_names if n.has_grad(p)]

    own = gradients()
    monkeypatch.setattr(Labelled, "documents", lambda labelled, task: range(labelled.n_docs))
    everything = gradients()
    assert own and any(gradient.any() for gradient in own)
    for one, other in zip(own, everything, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("strength", [-1, "much"])
def test_strengths_that_are_none(strength: Any) -> None:
    with pytest.raises(MTLError, match="strength"):
        pipeline(strength)
