"""Tasks that need the decisions of others."""

from typing import Any

import pytest
import spacy
from spacy.tokens import Span

from pipeline.foreign import COUNT, STACKED, Count
from pipeline.helpers import ENCODER, TASKS, make_examples, multitask
from spacy_mtl.errors import MTLError
from spacy_mtl.pipeline.needs import decisions, units, with_needs


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


def test_needs_in_a_circle_end():
    assert with_needs({"a": ["b"], "b": ["a"], "c": []}, ["a"]) == ["b", "a"]


def test_units_are_what_no_need_goes_out_of():
    needs = {"a": [], "b": ["d"], "c": [], "d": [], "e": ["d", "c"]}
    assert units(needs) == [["a"], ["b", "c", "d", "e"]]
    assert units({"a": [], "b": []}) == [["a"], ["b"]]


def test_decisions_and_scores_are_both_needed():
    nlp = spacy.blank("en")
    tasks = {**{name: TASKS[name] for name in ("tagger", "ner")}, "count": COUNT}
    nlp.add_pipe("multitask", config={"model": STACKED, "tasks": tasks})
    needs = multitask(nlp).needs
    assert {task: list(others) for task, others in needs.items()} == {
        "tagger": [],
        "ner": ["tagger"],
        "count": ["ner"],
    }
    assert with_needs(needs, ["count"]) == ["tagger", "ner", "count"]


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
