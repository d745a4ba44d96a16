"""What happens to the encoder, and to a stopped task, once its head was put back."""

from typing import Any

import numpy as np
import pytest
import spacy
from pipeline.foreign import COUNT
from pipeline.helpers import ENCODER, LISTENER, TASKS, make_examples, make_nlp, multitask, step
from spacy.language import Language
from spacy.util import fix_random_seed
from thinc.api import Adam

from spacy_mtl.errors import MTLError
from spacy_mtl.models.topologies.base import head_of, represent
from spacy_mtl.optimizing.optimizer import create_grouped_optimizer
from spacy_mtl.optimizing.parameters import named_parameters
from spacy_mtl.optimizing.unfreeze import create_unfreeze_v2

NAMES = ("tagger", "ner", "sentiment")
GROUPED = "spacy_mtl.GroupedOptimizer.v1"


def pipeline(depth: int = 1, optimizer: str = GROUPED, tasks: Any = NAMES) -> Language:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": {**ENCODER, "depth": depth}})
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": LISTENER}
    tasks = {name: TASKS[name] for name in tasks}
    nlp.add_pipe("multitask", config={"model": model, "tasks": tasks})
    nlp.config["training"]["optimizer"] = {"@optimizers": optimizer}
    nlp.initialize(lambda: make_examples(nlp, NAMES))
    step(nlp, Adam(0.01), make_examples(nlp, NAMES))  # after which heads are no more zero
    return nlp


def values(nlp: Language) -> dict[str, Any]:
    found: Any = {p.name: p.owner for p in named_parameters(nlp)}
    return {p.name: found[p.name].get_param(p.local).copy() for p in named_parameters(nlp)}


def moved(nlp: Language, optimizer: Any) -> dict[str, float]:
    """How far parameters move at most in a step, those of heads left out."""
    before = values(nlp)
    step(nlp, optimizer, make_examples(nlp, NAMES))
    after = values(nlp)
    far = {name: float(np.abs(after[name] - before[name]).max()) for name in before}
    return {name: value for name, value in far.items() if name.startswith("tok2vec.")}


def stop(nlp: Language, callback: Any, *tasks: str, at: int = 0) -> None:
    """Let patience run out for these tasks, after an evaluation that was the best of all."""
    callback(nlp, {"step": at})
    history = multitask(nlp).history
    if not len(history):
        history.record(dict.fromkeys(NAMES, 0.2))
    best = {name: (history.scores(name) or [0.5])[-1] + 0.1 for name in NAMES}
    history.record(best)
    callback(nlp, {"step": at + 5})
    history.record({name: 0.1 if name in tasks else best[name] + 0.01 for name in NAMES})
    callback(nlp, {"step": at + 6})


def patient(**settings: Any) -> Any:
    return create_unfreeze_v2(patience=5, **settings)


def test_without_protection_the_encoder_learns_on():
    nlp = pipeline()
    stop(nlp, patient(), "ner")
    assert multitask(nlp).stopped_tasks == {"ner"}
    assert all(moved(nlp, Adam(0.01)).values())


@pytest.mark.parametrize(
    ("depth", "free"), [(1, {0}), (2, {0}), (3, {0, 1}), (4, {0, 1}), (5, {0, 1, 2})]
)
def test_the_lower_half_freezes_when_the_first_task_stops(depth, free):
    nlp = pipeline(depth)
    callback = patient(protect="freeze")
    callback(nlp, {"step": 0})
    assert not any(parameter.frozen for parameter in named_parameters(nlp))
    stop(nlp, callback, "ner")
    above = {p.above for p in named_parameters(nlp) if p.above is not None and not p.frozen}
    assert above == free
    assert not any(p.frozen for p in named_parameters(nlp) if p.above is None)
    found = moved(nlp, Adam(0.01))
    assert found.keys() == {p.name for p in named_parameters(nlp) if p.above is not None}
    assert {n for n, far in found.items() if far} == {
        p.name for p in named_parameters(nlp) if p.above in free
    }


def test_the_encoder_gets_slower_with_each_stop():
    nlp = pipeline()
    callback = patient(protect="slow", slow=0.25)
    callback(nlp, {"step": 0})
    rates = []
    for number, tasks in enumerate([(), ("ner",), ("ner", "tagger")]):
        if tasks:
            stop(nlp, callback, *tasks, at=10 * number)
        optimizer = create_grouped_optimizer(0.01, L2=0.0, grad_clip=0.0)
        found = moved(nlp, optimizer)
        rates.append(max(found.values()))  # Adam's first step moves a parameter by its rate
    assert rates == pytest.approx([0.01, 0.0025, 0.000625], rel=1e-2)
    heads = [p for p in named_parameters(nlp) if p.above is None]
    assert {create_grouped_optimizer(1.0).known_factor(p.key) for p in heads} == {1.0}
    patient(protect="slow")(nlp, {"step": 0})  # another training begins at the full rate
    assert {create_grouped_optimizer(1.0).known_factor(p.key) for p in named_parameters(nlp)} == {
        1.0
    }


def test_slowing_down_needs_an_optimizer_that_can():
    with pytest.raises(MTLError, match=r'got "Adam.v1". Set @optimizers = "spacy_mtl.Grouped'):
        patient(protect="slow")(pipeline(optimizer="Adam.v1"), {"step": 0})


def test_a_distilled_task_goes_on_with_what_was_said_at_its_best():
    nlp = pipeline()
    component, callback, optimizer = multitask(nlp), patient(protect="distill"), Adam(0.02)
    callback(nlp, {"step": 0})
    step(nlp, optimizer, make_examples(nlp, NAMES))
    with nlp.use_params(optimizer.averages):
        best = {name: [doc.copy() for doc in found] for name, found in predicted(nlp).items()}
        component.history.record(dict.fromkeys(NAMES, 0.2))
        component.history.record(dict.fromkeys(NAMES, 0.5))
    for _ in range(3):
        step(nlp, optimizer, make_examples(nlp, NAMES))
    callback(nlp, {"step": 5})
    component.history.record({"tagger": 0.6, "ner": 0.1, "sentiment": 0.6})
    callback(nlp, {"step": 6})
    assert component.stopped_tasks == set() and component.teachers.keys() == {"ner"}
    teacher = component.teachers["ner"]
    docs = [example.predicted for example in make_examples(nlp)]
    packed = represent(teacher.model, docs, ["ner"], False).packed["ner"]
    scores = head_of(teacher.model, "ner").predict(packed)
    np.testing.assert_array_equal(scores, best["ner"])
    before = values(nlp)
    step(nlp, optimizer, make_examples(nlp, ("ner",)))
    after = values(nlp)
    same = {name for name in before if np.array_equal(before[name], after[name])}
    assert same == {n for n in before if n.startswith(("multitask.tagger", "multitask.sentiment"))}


def predicted(nlp: Language) -> dict[str, Any]:
    """The scores of each task with the present parameters."""
    docs = [example.predicted for example in make_examples(nlp)]
    nlp.get_pipe("tok2vec").set_annotations(docs, nlp.get_pipe("tok2vec").predict(docs))  # type: ignore[attr-defined]
    return {name: scores for name, (scores, _) in multitask(nlp).task_scores(docs).items()}


def test_when_all_tasks_are_distilled_nothing_moves():
    nlp = pipeline()
    with pytest.warns(UserWarning, match="No task is trained"):
        stop(nlp, patient(protect="distill"), *NAMES)
    assert multitask(nlp).stopped_tasks == set(NAMES)
    assert not any(moved(nlp, Adam(0.01)).values())


@pytest.mark.parametrize("tasks", [("ner",), NAMES])
@pytest.mark.parametrize("protect", ["none", "distill"])
def test_what_stops_last_keeps_its_head(tasks, protect):
    """Nothing would make an older one fit."""
    nlp = pipeline(tasks=tasks)
    callback = patient(protect=protect)
    if len(tasks) > 1:
        stop(nlp, callback, "tagger", at=0)
    component = multitask(nlp)
    before = {name: head_of(component.model, name).to_bytes() for name in tasks}
    with pytest.warns(UserWarning, match="No task is trained"):
        stop(nlp, callback, *NAMES, at=10)
    assert component.stopped_tasks == set(tasks)
    for name in tasks:
        assert head_of(component.model, name).to_bytes() == before[name]


def test_a_head_that_was_trained_before_is_the_best_if_it_falls():
    """Unlike one that begins at random, whose patience begins when it has learned something."""
    for begins_anew, stopped in ((True, set()), (False, {"ner"})):
        nlp = pipeline()
        if not begins_anew:
            nlp = make_nlp({name: TASKS[name] for name in NAMES}).from_bytes(nlp.to_bytes())
        callback, history = patient(), multitask(nlp).history
        callback(nlp, {"step": 0})
        for at, score in enumerate((0.9, 0.8, 0.7)):
            history.record({"tagger": 0.5 + at / 10, "sentiment": 0.5 + at / 10, "ner": score})
            callback(nlp, {"step": 5 * at + 5})
        assert multitask(nlp).stopped_tasks == stopped


def test_a_distilled_task_rests_with_the_last_of_the_others():
    """Whether patience has stopped that one, or its period is over."""
    nlp = pipeline(tasks=("tagger", "ner"))
    callback = patient(protect="distill", tasks={"tagger": {"stop": 20, "patience": None}})
    stop(nlp, callback, "ner")
    assert multitask(nlp).stopped_tasks == set()
    with pytest.warns(UserWarning, match="No task is trained"):
        callback(nlp, {"step": 20})
    assert multitask(nlp).stopped_tasks == {"tagger", "ner"}


def test_a_second_training_begins_at_the_full_rate():
    nlp = pipeline()
    callback = patient(protect="slow", slow=0.25)
    stop(nlp, callback, "ner")
    nlp.initialize(lambda: make_examples(nlp, NAMES))
    callback(nlp, {"step": 0})
    factors = {create_grouped_optimizer(1.0).known_factor(p.key) for p in named_parameters(nlp)}
    assert factors == {1.0}


def test_only_tasks_with_labels_can_be_distilled():
    nlp = make_nlp({"ner": TASKS["ner"], "count": COUNT})
    callback = patient(protect="distill")
    with pytest.raises(MTLError, match="got 'count', a Count. Set another `protect`, or"):
        callback(nlp, {"step": 0})
    patient(protect="distill", tasks={"count": {"patience": None}})(nlp, {"step": 0})
