"""An earlier model teaches a task: what it said, in place of the annotation."""

from typing import Any

import numpy as np
import pytest
from thinc.api import Adam

from pipeline.helpers import make_examples, make_nlp, multitask, step, trained
from spacy_mtl.models.topologies.base import head_of, represent
from spacy_mtl.pipeline.listeners import copy_with_encoders
from spacy_mtl.pipeline.teachers import Teacher

NAMES = ("tagger", "things", "phrases", "sentiment", "topic")


def with_teacher(task: str, inline: bool = False) -> tuple[Any, Any]:
    """A trained pipeline, whose task has itself as it is now as its teacher."""
    nlp = trained(make_nlp(NAMES, inline=inline), layers=NAMES)
    component: Any = multitask(nlp)
    model = copy_with_encoders(nlp, component.name, component.model)
    component.teachers[task] = Teacher(model, component.tasks[task])
    return nlp, component


def taught(component: Any, task: str, examples: Any) -> Any:
    """The step of a task, and the gradient of its loss at the representation."""
    docs = [example.predicted for example in examples]
    teacher = component.teachers[task]
    packed = represent(teacher.model, docs, [task], False).packed[task]
    found = teacher.step(head_of(component.model, task), packed, examples)
    return found, None if found is None else found.backward(1.0)


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("task", NAMES)
def test_nothing_is_to_be_learned_from_oneself(task, inline):
    nlp, component = with_teacher(task, inline)
    examples = make_examples(nlp, [(task,), (), (task,), (), (), (task,)])
    found, gradient = taught(component, task, examples)
    units = component.tasks[task].targets(examples, component.model.ops).mask
    rows = units.any(axis=1) if task == "phrases" else units  # a unit is a candidate
    assert found.n_units == rows.sum() > 0
    assert found.loss == pytest.approx(0, abs=1e-6)
    assert np.abs(gradient).max() < 1e-6


@pytest.mark.parametrize("task", NAMES)
def test_the_loss_falls_and_the_annotation_is_not_looked_at(task):
    nlp, component = with_teacher(task)
    optimizer = Adam(0.02)
    head = head_of(component.model, task)
    for node in head.walk():
        for name in node.param_names:
            node.set_param(name, node.get_param(name) * 0)
    examples = make_examples(nlp, (task,))
    component.stopped_tasks = set(NAMES) - {task}
    losses = []
    for _ in range(40):
        found: dict[str, float] = {}
        nlp.update(examples, sgd=False, losses=found)  # type: ignore[arg-type]
        for _, pipe in nlp.pipeline:
            pipe.finish_update(optimizer)
        losses.append(found[f"multitask_{task}"])
    assert losses[0] > 0 and losses[-1] < losses[0] / 3


def test_a_batch_without_labels_of_the_task_teaches_nothing():
    nlp, component = with_teacher("tagger")
    assert taught(component, "tagger", make_examples(nlp, ("topic",)))[0] is None


def test_what_a_document_is_not_holds_the_task_too():
    """It says nothing about which class it has, while the teacher does."""
    nlp, component = with_teacher("sentiment")
    examples = make_examples(nlp, ("sentiment",))
    for example in examples:
        example.reference.cats = {"sentiment=pos": 0.0}
    found, _ = taught(component, "sentiment", examples)
    assert found.n_units == len(examples)


def test_the_teacher_stays_while_the_pipeline_learns():
    nlp, component = with_teacher("topic")
    teacher = component.teachers["topic"].model
    before = teacher.to_bytes()
    step(nlp, Adam(0.02), make_examples(nlp, NAMES))
    assert teacher.to_bytes() == before
    nlp.initialize(lambda: make_examples(nlp))
    assert component.teachers == {}
