"""Tasks of a user's own, in the component: what is not defined, and what is misspelled."""

from typing import Any

import numpy as np
import pytest
import spacy
from spacy.training import Example
from thinc.api import Linear, chain, zero_init

from pipeline.helpers import ENCODER, TASKS, multitask
from spacy_mtl.errors import MTLError
from spacy_mtl.layers import DocExtension, table
from spacy_mtl.metrics.base import Statistics
from spacy_mtl.metrics.correlation import RankCorrelation
from spacy_mtl.metrics.errors import Errors
from spacy_mtl.models.heads import pool_documents
from spacy_mtl.registry import registry
from spacy_mtl.tasks.base import Step, Task


class Heat(Task):
    """A number for each document; what it predicts is set from outside."""

    layers: Any = ("heat",)
    assigns: Any = ("doc._.heat",)
    main_score = "heat_score"
    guess = 0.5
    ranks = False

    def make_head(self) -> Any:
        return chain(pool_documents(), Linear(nO=1, init_W=zero_init))

    def is_labelled(self, example: Example) -> bool:
        return example.reference._.heat is not None

    def learn(self, head: Any, packed: Any, examples: Any) -> Step:
        scores, bp_head = head(packed, True)
        return Step(1.0, len(examples), lambda weight: bp_head(np.zeros_like(scores)))

    def predict(self, head: Any, packed: Any, earlier: Any) -> Any:
        return [self.guess] * len(packed.docs)

    def annotate(self, docs: Any, prediction: Any) -> None:
        for doc, heat in zip(docs, prediction, strict=True):
            doc._.heat = heat

    def statistics(self, examples: Any) -> Statistics:
        rows = [row for row, example in enumerate(examples) if self.is_labelled(example)]
        gold = [examples[row].reference._.heat for row in rows]
        guess = [examples[row].predicted._.heat for row in rows]
        if self.ranks:
            return RankCorrelation.of_units(rows, gold, guess, len(examples))
        return Errors.absolute(rows, gold, guess, len(examples))


@pytest.fixture(autouse=True)
def heat() -> None:
    registry.mtl_layers.register("heat", func=DocExtension("heat"))
    table()


def build(task: Task) -> Any:
    nlp = spacy.blank("en")
    registry.mtl_tasks.register("spacy_mtl_tests.Heat.v1", func=lambda: task)
    tasks = {"heat": {"@mtl_tasks": "spacy_mtl_tests.Heat.v1"}, "tagger": TASKS["tagger"]}
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": ENCODER}
    nlp.add_pipe("multitask", config={"model": model, "tasks": tasks})
    nlp.initialize(lambda: examples(nlp))
    return nlp


def examples(nlp: Any) -> list[Example]:
    found = []
    for heat in (0.1, 0.9):
        example = Example.from_dict(nlp.make_doc("a b"), {"tags": ["N", "V"]})
        example.reference._.heat = heat
        found.append(example)
    return found


@pytest.mark.parametrize("guess", [float("nan"), float("inf")])
def test_an_error_that_is_not_defined_is_the_worst_score(guess: float) -> None:
    task = Heat()
    task.guess = guess
    nlp = build(task)
    scores = nlp.evaluate(examples(nlp))
    assert scores["heat_score"] == 0.0
    assert multitask(nlp).history.scores("heat") == [0.0]


def test_a_correlation_that_is_not_defined() -> None:
    task = Heat()
    task.ranks, task.guess = True, float("nan")
    nlp = build(task)
    assert nlp.evaluate(examples(nlp))["heat_score"] == 0.0


def test_what_an_inactive_task_did_not_predict() -> None:
    nlp = build(Heat())
    multitask(nlp).active_tasks = ["tagger"]
    scores = nlp.evaluate(examples(nlp))
    assert scores["heat_score"] == 0.0 and scores["tag_acc"] is not None


def test_an_error_and_what_is_made_of_it() -> None:
    nlp = build(Heat())
    scores = nlp.evaluate(examples(nlp))
    assert scores["heat_errors"] == {"mean absolute error": pytest.approx(0.4)}
    assert scores["heat_score"] == pytest.approx(1 / 1.4)


@pytest.mark.parametrize("setting", ["layers", "assigns", "needs"])
def test_a_name_in_place_of_a_tuple(setting: str) -> None:
    task = Heat()
    setattr(task, setting, "tag")
    with pytest.raises(MTLError, match=rf"Expected a tuple as `{setting}` .*got 'tag'.*\('tag',\)"):
        build(task)


def test_a_task_without_a_layer() -> None:
    task = Heat()
    task.layers = ()
    with pytest.raises(MTLError, match="Expected a layer that the task in .*heat"):
        build(task)


@pytest.mark.parametrize("field", ["entities", "text", "label"])
def test_a_layer_whose_field_is_taken(field: str) -> None:
    registry.mtl_layers.register("cold", func=DocExtension("cold", field=field))
    with pytest.raises(MTLError, match=f"the layer 'cold', got {field}, which has another"):
        table()
