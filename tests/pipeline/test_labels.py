"""Where labels come from, and how more are added."""

from typing import Any

import pytest
import srsly
from spacy.language import Language
from spacy.tokens import Span
from spacy.training import Example

from spacy_mtl.errors import MTLError

from .helpers import (
    LAYERS,
    TASKS,
    TEXTS,
    annotations,
    make_examples,
    make_nlp,
    multitask,
    run_spacy,
    step,
    train,
    trained,
    write_corpus,
)


def initialize_with(nlp: Language, labels: Any, layers: Any = LAYERS) -> Language:
    nlp.config["initialize"]["components"]["multitask"] = {"labels": labels}
    nlp.initialize(lambda: make_examples(nlp, layers))
    return nlp


def test_labels_from_examples():
    component = multitask(trained(make_nlp(), 0))
    assert component.label_data == {
        "tagger": [".", "D", "J", "N", "P", "V"],
        "pos": ["ADJ", "ADP", "DET", "NOUN", "PUNCT", "VERB"],
        "morph": ["Degree=Pos", "Number=Sing"],
        "lemma": ["[0,0,null,null]", '[0,1,null,["s",""]]'],
        "ner": ["LOC", "PER"],
        "things": ["FOOD", "PERSON", "PLACE", "VEHICLE"],
        "phrases": ["HEAD", "NP"],
        "sentiment": ["sentiment=neg", "sentiment=pos"],
        "topic": ["topic=food", "topic=rail", "topic=trip"],
    }
    assert component.labels_for("ner") == ("LOC", "PER")
    assert component.labels[13:17] == (
        "morph:Number=Sing",
        "lemma:[0,0,null,null]",
        'lemma:[0,1,null,["s",""]]',
        "ner:LOC",
    )
    assert all(isinstance(label, str) for label in component.labels)


def test_given_labels_come_before_those_of_the_examples():
    nlp = initialize_with(make_nlp(["ner", "tagger"]), {"ner": ["ORG", "PER"]})
    assert multitask(nlp).labels_for("ner") == ("ORG", "PER")
    assert multitask(nlp).labels_for("tagger") == (".", "D", "J", "N", "P", "V")
    train(nlp, 2)
    assert {ent[2] for doc in annotations(nlp) for ent in doc["ents"]} <= {"ORG", "PER"}


def test_given_labels_need_no_examples_of_them():
    labels = {"ner": ["X"], "tagger": ["T"]}
    nlp = initialize_with(make_nlp(["ner", "tagger"]), labels, layers=[])
    assert multitask(nlp).label_data == labels


@pytest.mark.parametrize(
    "labels, message",
    [
        ({"nre": ["PER"]}, r"Expected labels of the tasks ner, tagger .* got nre"),
        ({"ner": []}, "at least one"),
        ({"ner": ["A", "A"]}, "different labels"),
        ({"ner": "PER"}, "a list of labels at 'ner'"),
        ({"ner": 3}, "a list of labels at 'ner'"),
    ],
)
def test_wrong_labels_are_refused(labels, message):
    with pytest.raises(MTLError, match=message):
        initialize_with(make_nlp(["ner", "tagger"]), labels)


def test_a_task_without_labels_is_refused():
    nlp = make_nlp(["ner", "tagger"])
    message = r"labels of the task 'ner' \(doc.ents\).*got none.*initialize.components.multitask"
    with pytest.raises(MTLError, match=message):
        nlp.initialize(lambda: make_examples(nlp, ["tagger"]))


def test_no_tasks_are_refused():
    nlp = make_nlp([], name="second")
    with pytest.raises(MTLError, match=r"at least one task.*got none.*components.second.tasks.ner"):
        nlp.initialize(lambda: make_examples(nlp))


def test_hints_name_the_component():
    nlp = make_nlp(["sentiment", "topic"], name="second")
    (reference,) = (eg.reference for eg in make_examples(nlp)[:1])
    reference.cats = {"other": 1.0}
    with pytest.raises(MTLError, match=r"initialize.components.second.labels.sentiment\]"):
        nlp.initialize(lambda: [Example(nlp.make_doc(reference.text), reference)])
    nlp.config["initialize"]["components"]["second"] = {"labels": {"topic": ["topic=trip"]}}
    nlp.initialize(lambda: make_examples(nlp))
    with pytest.warns(UserWarning, match=r"initialize.components.second.labels\]"):
        nlp.update(make_examples(nlp), sgd=nlp.resume_training())


def test_use_before_initialization_is_refused():
    nlp = make_nlp(["ner"], inline=True)
    with pytest.raises(MTLError, match=r"labels of the task 'ner'.*nlp.initialize\(\)"):
        nlp("Ana")


def test_a_class_of_two_tasks_is_refused():
    labels = {"sentiment": ["a", "b"], "topic": ["c", "b"]}
    with pytest.raises(MTLError, match="'b' in 'sentiment' and 'topic'"):
        initialize_with(make_nlp(["sentiment", "topic"]), labels)
    nlp = trained(make_nlp(["sentiment", "topic"]), 1)
    with pytest.raises(MTLError, match="in 'sentiment' and 'topic'"):
        multitask(nlp).add_label("topic:sentiment=pos")
    assert "sentiment=pos" not in multitask(nlp).labels_for("topic")
    annotations(nlp)


def test_init_labels_writes_what_the_config_reads(tmp_path):
    nlp = make_nlp()
    config = nlp.config.copy()
    for name in ("train", "dev"):
        config["paths"][name] = str(write_corpus(tmp_path / f"{name}.spacy", nlp))
    config.to_disk(tmp_path / "config.cfg")
    run_spacy("init", "labels", tmp_path / "config.cfg", tmp_path / "labels")
    written = srsly.read_json(tmp_path / "labels" / "multitask.json")
    assert written["topic"] == ["topic=food", "topic=rail", "topic=trip"]
    assert list(written) == list(LAYERS)

    path = str(tmp_path / "labels" / "multitask.json")
    again = make_nlp()
    labels = {"@readers": "spacy.read_labels.v1", "path": path, "require": True}
    initialize_with(again, labels, layers=[])
    assert multitask(again).label_data == written


def test_labels_from_a_file_that_may_be_missing(tmp_path):
    srsly.write_json(tmp_path / "ner.json", ["PER", "ORG"])
    reader = {"@readers": "spacy.read_labels.v1", "require": False}
    labels = {
        "ner": {**reader, "path": str(tmp_path / "ner.json")},
        "tagger": {**reader, "path": str(tmp_path / "tagger.json")},
    }
    nlp = initialize_with(make_nlp(["ner", "tagger"]), labels)
    assert multitask(nlp).labels_for("ner") == ("PER", "ORG")
    assert multitask(nlp).labels_for("tagger") == (".", "D", "J", "N", "P", "V")


@pytest.mark.parametrize("label", ["PER", "ner:", "nope:X", ":X", ""])
def test_labels_are_added_behind_their_task(label):
    with pytest.raises(MTLError, match="TASK:LABEL with TASK one of ner"):
        multitask(make_nlp(["ner"])).add_label(label)


def test_labels_for_an_unknown_task():
    with pytest.raises(MTLError, match=r"a task of 'multitask' \(ner, tagger\), got 'nre'"):
        multitask(make_nlp(["ner", "tagger"])).labels_for("nre")


def test_a_label_that_is_added_before_initialization_stays():
    nlp = make_nlp(["ner", "tagger"])
    assert multitask(nlp).add_label("ner:NEW") == 1
    assert multitask(nlp).add_label("ner:NEW") == 0
    trained(nlp, 1)
    assert multitask(nlp).labels_for("ner") == ("NEW", "LOC", "PER")


def test_initializing_again_with_less_and_with_more():
    nlp = make_nlp(["ner", "things"])
    nlp.initialize(lambda: make_examples(nlp)[2:4])
    assert multitask(nlp).labels_for("ner") == ("LOC",)
    trained(nlp, 2)
    assert multitask(nlp).labels_for("ner") == ("LOC", "PER")
    nlp.initialize(lambda: make_examples(nlp)[2:4])
    assert multitask(nlp).labels_for("ner") == ("LOC", "PER")
    annotations(nlp)


def test_adding_labels_changes_no_prediction():
    nlp = trained(make_nlp(), 20)
    before = annotations(nlp)
    # The new label of an exclusive group would take its share of the probability.
    for label in ("ner:ORG", "things:GAME", "tagger:X", "pos:INTJ", "morph:Case=Nom"):
        assert multitask(nlp).add_label(label) == 1
    assert annotations(nlp) == before
    multitask(nlp).add_label("topic:topic=art")
    for doc, old in zip(annotations(nlp), before, strict=True):
        assert doc["cats"].pop("topic=art") == pytest.approx(0.5)
        assert doc == old


@pytest.mark.parametrize("same_optimizer", [False, True])
def test_training_on_an_added_label(same_optimizer):
    nlp = trained(make_nlp(["ner", "tagger", "topic"]), 10)
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.02
    step(nlp, optimizer, make_examples(nlp))
    multitask(nlp).add_label("ner:FOOD")
    multitask(nlp).add_label("topic:topic=new")
    if not same_optimizer:
        optimizer = nlp.resume_training()
        optimizer.learn_rate = 0.02
    for _ in range(25):
        examples = make_examples(nlp)
        doc = examples[2].reference
        doc.set_ents([Span(doc, 1, 2, "FOOD")])
        for i, example in enumerate(examples):
            example.reference.cats["topic=new"] = float(i == 2)
        step(nlp, optimizer, examples)
    found = annotations(nlp, TEXTS)
    assert found[2]["ents"] == [(1, 2, "FOOD")]
    assert found[0]["ents"] == [(0, 1, "PER"), (3, 4, "LOC")]
    assert [doc["cats"]["topic=new"] > 0.5 for doc in found] == [i == 2 for i in range(6)]


def test_labels_with_a_colon():
    nlp = make_nlp(["ner"])
    multitask(nlp).add_label("ner:part:whole")
    assert multitask(nlp).labels_for("ner") == ("part:whole",)
    assert multitask(nlp).labels == ("ner:part:whole",)


@pytest.mark.parametrize("name", ["a.b", "a:b"])
def test_task_names_with_separators_are_refused(name):
    with pytest.raises(MTLError, match="without '.' and ':'"):
        make_nlp({name: TASKS["ner"]})


def test_examples_are_unharmed():
    nlp = make_nlp()
    examples = make_examples(nlp)
    before = [Example(eg.predicted, eg.reference).to_dict() for eg in examples]
    nlp.initialize(lambda: examples)
    nlp.update(examples)
    assert [eg.to_dict() for eg in examples] == before


def test_a_label_that_is_refused_leaves_nothing_behind() -> None:
    nlp = trained(make_nlp(["pos"]))
    before = nlp.to_bytes()
    with pytest.raises(MTLError, match="FOO"):
        multitask(nlp).add_label("pos:FOO")
    assert nlp.to_bytes() == before
