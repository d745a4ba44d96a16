"""Tasks that need the decisions of others."""

from typing import Any

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span
from thinc.api import Model

from pipeline.helpers import ENCODER, TASKS, make_examples, multitask
from spacy_mtl.errors import MTLError
from spacy_mtl.pipeline.needs import decisions, with_needs
from spacy_mtl.registry import registry
from spacy_mtl.tasks.base import Step, Task

if not Doc.has_extension("n_needed"):
    Doc.set_extension("n_needed", default=None)


class Count(Task):
    """Writes what it gets of the task that it needs, without learning anything of use."""

    layers = ("cats",)

    def __init__(self, of: str, into: str = "n_needed") -> None:
        self.of = of
        self.into = into

    @property
    def assigns(self) -> tuple[str, ...]:
        return (f"doc._.{self.into}",)

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.of,)

    def make_head(self) -> Model:
        return Model("no_head", lambda model, X, is_train: (X.X, lambda dX: dX))

    def n_labelled(self, examples: Any) -> int:
        return len(examples)

    def learn(self, head: Any, packed: Any, examples: Any) -> Step:
        _, backprop = head(packed, True)
        zeros = np.zeros_like(packed.X)
        return Step(1.0, len(examples), lambda weight: backprop(zeros))

    def predict(self, head: Any, packed: Any, earlier: Any) -> Any:
        return earlier[self.of]

    def annotate(self, docs: Any, prediction: Any) -> None:
        for doc, standing in zip(docs, prediction, strict=True):
            doc._.n_needed = standing

    def standing(self, docs: Any, prediction: Any) -> Any:
        return prediction

    def is_labelled(self, example: Any) -> bool:
        return True

    def score(self, examples: Any) -> dict[str, Any]:
        return {"count_score": 0.5}

    @property
    def main_score(self) -> str:
        return "count_score"


registry.mtl_tasks.register("spacy_mtl_tests.Count.v1", func=Count)


def optimizer_of(nlp: Any) -> Any:
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.02
    return optimizer


def build(needed: str = "ner", **tasks: Any) -> Any:
    nlp = spacy.blank("en")
    own = {"count": {"@mtl_tasks": "spacy_mtl_tests.Count.v1", "of": needed}}
    given = {**own, **{name: TASKS[name] for name in ("tagger", "ner", "things", "sentiment")}}
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": ENCODER}
    nlp.add_pipe("multitask", config={"model": model, "tasks": {**given, **tasks}})
    return nlp


def trained(needed: str = "ner") -> Any:
    nlp = build(needed)
    layers = ("tagger", "ner", "things", "sentiment")
    nlp.initialize(lambda: make_examples(nlp, layers))
    optimizer = optimizer_of(nlp)
    for _ in range(25):
        nlp.update(make_examples(nlp, layers), sgd=optimizer)
    return nlp


def test_what_is_needed_runs_before():
    tasks = {"a": Count("b"), "b": Count("c"), "c": Count("d"), "d": _Free("")}
    assert with_needs(decisions(tasks), ["a"]) == ["d", "c", "b", "a"]
    assert with_needs(decisions(tasks), ["d", "b"]) == ["d", "c", "b"]


class _Free(Count):
    needs = ()  # type: ignore[assignment]


def test_a_cycle_is_named():
    with pytest.raises(MTLError, match="count -> more -> count"):
        build(
            "more", more={"@mtl_tasks": "spacy_mtl_tests.Count.v1", "of": "count", "into": "other"}
        )


def test_a_task_that_needs_itself():
    with pytest.raises(MTLError, match="count -> count"):
        build("count")


def test_an_unknown_need():
    with pytest.raises(MTLError, match="what the task 'count' needs, nothing, got count, tagger"):
        build("nothing")


def test_it_gets_the_entities_of_the_same_batch():
    nlp = trained()
    doc = nlp("Ana visits sunny Rio .")
    assert doc._.n_needed == [(ent.label_, ent.start, ent.end) for ent in doc.ents]
    assert doc.ents


@pytest.mark.parametrize("overwrite", [False, True])
def test_presets_are_among_what_it_gets(overwrite):
    nlp = trained()
    multitask(nlp).tasks["ner"].overwrite = overwrite
    doc = nlp.make_doc("Ana visits sunny Rio .")
    doc.ents = [Span(doc, 1, 3, "FOREIGN")]
    doc = nlp.get_pipe("multitask")(doc)
    assert doc._.n_needed == [(ent.label_, ent.start, ent.end) for ent in doc.ents]
    assert ("FOREIGN", 1, 3) not in doc._.n_needed if overwrite else True


def test_a_span_group_that_stays_is_what_it_gets():
    nlp = trained("things")
    doc = nlp.make_doc("Ana visits sunny Rio .")
    doc.spans["things"] = [Span(doc, 0, 1, "MINE")]
    doc = nlp.get_pipe("multitask")(doc)
    assert doc._.n_needed == [("MINE", 0, 1)]


def test_tags_and_classes_as_they_will_stand():
    nlp = trained("tagger")
    doc = nlp.make_doc("Ana visits sunny Rio .")
    doc[1].tag_ = "OTHER"
    doc = nlp.get_pipe("multitask")(doc)
    assert doc._.n_needed.tolist() == doc.to_array("TAG").tolist()
    doc = trained("sentiment")("Nice food !")
    assert doc._.n_needed == doc.cats


def test_it_alone_is_active():
    nlp = trained()
    multitask(nlp).active_tasks = ["count"]
    doc = nlp("Ana visits sunny Rio .")
    assert doc._.n_needed
    assert not doc.ents and not doc.cats and not doc.has_annotation("TAG")


def test_a_stopped_task_is_still_needed():
    nlp = trained()
    multitask(nlp).stopped_tasks = {"ner"}
    doc = nlp("Ana visits sunny Rio .")
    assert doc._.n_needed == [(ent.label_, ent.start, ent.end) for ent in doc.ents]


def test_a_score_above_one_is_an_error():
    nlp = trained()
    task = multitask(nlp).tasks["count"]
    task.score = lambda examples: {"count_score": 3.0}  # type: ignore[method-assign]
    with pytest.raises(MTLError, match="at most 1, of which higher is better, got 3.0"):
        nlp.evaluate(make_examples(nlp, ["ner"]))
