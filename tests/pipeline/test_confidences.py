"""Confidences of a pipeline, and the temperatures that they depend on."""

import numpy as np
import pytest
import spacy
import srsly
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_mtl.confidences import CONFIDENCES
from spacy_mtl.errors import MTLError
from spacy_mtl.models import biluo

from .helpers import TASKS, TEXTS, annotation, make_examples, make_nlp, multitask, trained

ON = {"components": {"multitask": {"confidences": True}}}


@pytest.fixture(scope="module")
def learned():
    return trained(make_nlp(), 15)


@pytest.fixture(scope="module")
def saved(learned, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model"
    learned.to_disk(path)
    return path


@pytest.fixture
def sure(saved):
    return spacy.load(saved, config=ON)


def confidences(doc):
    groups = [doc.spans.get(key, []) for key in ("things", "phrases")]
    spans = [*doc.ents, *groups[0], *groups[1]]
    return [token._.tag_confidence for token in doc], [span._.confidence for span in spans]


def all_confidences(docs):
    return [confidences(doc) for doc in docs]


def test_off_notes_nothing(saved):
    for nlp in (spacy.load(saved), make_and_load(saved)):
        for doc in nlp.pipe(TEXTS):
            assert doc.user_data == {}
            tags, spans = confidences(doc)
            assert set(tags) | set(spans) <= {None}


def make_and_load(saved):
    """As a pipeline that was saved before there was the setting."""
    config = spacy.util.load_config(saved / "config.cfg")
    del config["components"]["multitask"]["confidences"]
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    return nlp.from_disk(saved)


def test_on_changes_no_annotation(saved, sure):
    docs = list(sure.pipe(TEXTS))
    assert list(map(annotation, docs)) == list(map(annotation, spacy.load(saved).pipe(TEXTS)))
    assert any(doc.ents for doc in docs) and any(doc.spans["things"] for doc in docs)
    for doc in docs:
        assert list(doc.user_data) == [CONFIDENCES]
        tags, spans = confidences(doc)
        assert all(0 < each <= 1 for each in [*tags, *spans])
    assert all_confidences([sure(text) for text in TEXTS]) == pytest_close(all_confidences(docs))


def pytest_close(found):
    return [tuple(pytest.approx(each, abs=1e-4) for each in pair) for pair in found]


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_they_are_the_decisions_probabilities(sure, temperature):
    component = multitask(sure)
    for task in component.tasks.values():
        task.temperature = temperature
    doc = next(sure.get_pipe("tok2vec").pipe([sure.make_doc("Ana loves New York , Bob hates Rio")]))
    scored = component.task_scores([doc])
    doc = component(doc)
    scores = scored["tagger"][0] / temperature
    P = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert [token._.tag_confidence for token in doc] == pytest.approx(P.max(axis=1), abs=1e-5)
    assert doc.ents
    for name, spans in (("ner", doc.ents), ("things", doc.spans["things"])):
        scores, packed = scored[name]
        log_z, _ = biluo.marginals(np, scores / temperature, packed.lengths)
        for span in spans:
            only = with_span(component.tasks[name], scores / temperature, span)
            log_with, _ = biluo.marginals(np, only, packed.lengths)
            assert span._.confidence == pytest.approx(np.exp(log_with - log_z)[0], abs=1e-5)


def with_span(task, scores, span):
    """The scores, with every path ruled out that has not just this span."""
    n = len(span)
    prefixes = "U" if n == 1 else "B" + "I" * (n - 2) + "L"
    only = np.full_like(scores, biluo.FORBIDDEN)
    only[: span.start], only[span.end :] = scores[: span.start], scores[span.end :]
    for row, prefix in zip(range(span.start, span.end), prefixes, strict=True):
        column = task.columns.index(f"{prefix}-{span.label_}")
        only[row, column] = scores[row, column]
    return only


def test_off_again(sure):
    multitask(sure).confidences = False
    assert sure(TEXTS[0]).user_data == {}


def test_preset_annotation_has_none(sure):
    doc = sure.make_doc("Ana visits sunny Rio .")
    doc[0].tag_ = "V"
    doc.ents = [Span(doc, 2, 3, "LOC"), Span(doc, 4, 5, "FOREIGN")]
    doc.spans["things"] = [Span(doc, 0, 2, "FOOD")]
    doc = sure(doc)
    tags, _ = confidences(doc)
    assert tags[0] is None and None not in tags[1:]
    found = {ent.text: ent._.confidence for ent in doc.ents}
    assert found["sunny"] is None and found["."] is None
    assert len(found) > 2 and all(found[text] for text in found if text not in ("sunny", "."))
    assert doc.spans["things"][0]._.confidence is None


def test_annotated_twice(sure):
    doc = sure(TEXTS[0])
    before = confidences(doc)
    assert confidences(sure(doc)) == before


def test_overwritten(learned):
    tasks = {name: {**TASKS[name], "overwrite": True} for name in ("tagger", "ner", "things")}
    nlp = trained(make_nlp(tasks, confidences=True), 15, layers=list(tasks))
    doc = nlp.make_doc("Ana visits sunny Rio .")
    doc[0].tag_ = "V"
    doc.ents = [Span(doc, 2, 3, "LOC")]
    doc.spans["things"] = [Span(doc, 0, 2, "FOOD")]
    tags, spans = confidences(nlp(doc))
    assert None not in tags and None not in spans
    assert doc.ents[0].text != "sunny"


def test_only_tags_have_a_tag_confidence():
    tasks = ["pos", "morph", "sentiment"]
    nlp = trained(make_nlp(tasks, confidences=True), 3, layers=tasks)
    doc = nlp(TEXTS[0])
    assert confidences(doc)[0] == [None] * 5 and doc.user_data == {}


def test_empty_documents(sure):
    docs = list(sure.pipe(["", TEXTS[0], "", " "]))
    assert [len(confidences(doc)[0]) for doc in docs] == [0, 5, 0, 1]


@pytest.mark.parametrize("n_process", [1, 2])
def test_saved_documents(sure, n_process, tmp_path):
    docs = list(sure.pipe(TEXTS, n_process=n_process, batch_size=2))
    expected = all_confidences(sure.pipe(TEXTS))
    assert all_confidences(docs) == pytest_close(expected)
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "docs.spacy")
    again = DocBin().from_disk(tmp_path / "docs.spacy").get_docs(sure.vocab)
    for doc, read in zip(docs, again, strict=True):
        assert confidences(read)[0] == confidences(doc)[0]
        assert confidences(Doc(sure.vocab).from_bytes(doc.to_bytes())) == confidences(doc)


def set_temperatures(nlp, **temperatures):
    for name, value in temperatures.items():
        multitask(nlp).tasks[name].temperature = value
    return nlp


def temperatures(nlp):
    return {name: task.temperature for name, task in multitask(nlp).tasks.items()}


def test_temperature_changes_confidences_alone(saved, sure):
    before = [sure(text) for text in TEXTS]
    hot = spacy.load(saved, config=ON)
    hot = set_temperatures(hot, **dict.fromkeys(temperatures(hot), 4.0))
    after = [hot(text) for text in TEXTS]
    for one, other in zip(before, after, strict=True):
        assert {**annotation(one), "cats": 0} == {**annotation(other), "cats": 0}
        for a, b in zip(confidences(one), confidences(other), strict=True):
            assert all(x > y for x, y in zip(a, b, strict=True))
        mood = ("sentiment=neg", "sentiment=pos")
        assert max(mood, key=one.cats.__getitem__) == max(mood, key=other.cats.__getitem__)
        for label in one.cats:
            assert abs(other.cats[label] - 0.5) < abs(one.cats[label] - 0.5)


def test_temperatures_are_saved(saved, sure, tmp_path):
    assert set(temperatures(sure).values()) == {1.0}
    assert "temperatures" not in srsly.read_json(saved / "multitask" / "cfg")
    set_temperatures(sure, ner=1.5, topic=0.5)
    sure.to_disk(tmp_path)
    expected = {**dict.fromkeys(temperatures(sure), 1.0), "ner": 1.5, "topic": 0.5}
    assert temperatures(spacy.load(tmp_path)) == expected
    assert temperatures(spacy.load(saved).from_bytes(sure.to_bytes())) == expected
    sourced = make_nlp(["tagger"])
    sourced.add_pipe("multitask", name="second", source=sure)
    assert sourced.get_pipe("second").tasks["ner"].temperature == 1.5
    assert temperatures(sure.from_disk(saved))["ner"] == 1.0  # that of what is loaded


@pytest.mark.parametrize("wrong", [[], {"ner": 0}, {"ner": -1.0}, {"ner": "hot"}, {"other": 2.0}])
def test_wrong_temperatures(saved, tmp_path, wrong):
    spacy.load(saved).to_disk(tmp_path)
    cfg = srsly.read_json(tmp_path / "multitask" / "cfg")
    srsly.write_json(tmp_path / "multitask" / "cfg", {**cfg, "temperatures": wrong})
    with pytest.raises(MTLError, match="temperatures of its tasks, all numbers above 0, got"):
        spacy.load(tmp_path)


def test_a_new_training_begins_at_one():
    nlp = set_temperatures(trained(make_nlp(["tagger"]), 2, layers=["tagger"]), tagger=2.0)
    nlp.update([Example(nlp.make_doc(eg.text), eg.reference) for eg in make_examples(nlp)])
    assert temperatures(nlp) == {"tagger": 2.0}
    nlp.initialize(lambda: make_examples(nlp))
    assert temperatures(nlp) == {"tagger": 1.0}
