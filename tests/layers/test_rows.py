"""What holds of each built-in layer."""

import json

import pytest
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from spacy_mtl.errors import MTLError
from spacy_mtl.layers import BUILT_IN, Found, table
from spacy_mtl.layers.dependencies import HeadError, check_heads

WORDS = ["Ana", "saw", "Rio", ".", "Hm"]
BORDERS = [(0, 3), (3, 6), (6, 9), (9, 10), (10, 12)]


@pytest.fixture
def full() -> Doc:
    doc = Doc(
        Vocab(),
        words=WORDS,
        tags=["NNP", "VBD", "NNP", "", "UH"],
        pos=["PROPN", "VERB", "PROPN", "", "INTJ"],
        morphs=["Number=Sing", "", "", "", ""],
        lemmas=["Ana", "see", "Rio", ".", "hm"],
        heads=[1, 1, 1, 1, 4],
        deps=["nsubj", "ROOT", "obj", "punct", "ROOT"],
    )
    doc.set_ents([Span(doc, 0, 1, "PER")])
    doc.spans["sc"] = [Span(doc, 0, 2, "X")]
    doc.spans["none"] = []
    doc.cats = {"mood=glad": 1.0, "mood=sad": 0.0, "rude": 0.25, "stars": 4.0}
    return doc


@pytest.fixture
def bare() -> Doc:
    return Doc(Vocab(), words=WORDS)


@pytest.mark.parametrize("name", BUILT_IN)
def test_json_there_and_back(full, bare, name):
    layer = table()[name]
    assert layer.present(full) and not layer.present(bare)
    value = json.loads(json.dumps(layer.to_json(full), allow_nan=False))
    layer.from_json(bare, value)
    assert layer.to_json(bare) == layer.to_json(full)
    assert layer.count(bare) == layer.count(full)
    assert [*layer.coverages(bare)] == [*layer.coverages(full)]
    assert {*layer.to_fields(full)} == {*layer.fields}
    layer.blank(bare)
    assert not layer.present(bare)
    assert layer.to_fields(bare) == {}


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("value", [7, "x", ["x"], [{"start": 1}], {"sc": [{"start": 0}]}])
def test_wrong_json_is_refused(bare, name, value):
    with pytest.raises(MTLError, match="Expected"):
        table()[name].from_json(bare, value)


def test_what_is_said_of_each_unit(full):
    said = {name: [*layer.statements(full, BORDERS)] for name, layer in table().items()}
    assert said["tag"][:2] == [("", (0, 3), "NNP"), ("", (3, 6), "VBD")]
    assert len(said["tag"]) == 4
    assert said["dep"][0] == ("", (0, 3), "nsubj of 'saw'")
    assert said["ents"][:2] == [("", (0, 3), "B-PER"), ("", (3, 6), "O")]
    assert said["sents"][-1] == ("", (10, 12), "begins a sentence")
    assert said["spans"] == [("sc", "", "X 'Anasaw'"), ("none", "", "none")]
    assert said["cats"] == [
        ("mood", "mood=glad", "1.0"),
        ("mood", "mood=sad", "0.0"),
        ("", "rude", "0.0"),
    ]


def test_labels_are_counted(full):
    labels = {name: dict(layer.labels(full)) for name, layer in table().items()}
    assert labels["dep"] == {"nsubj": 1, "ROOT": 2, "obj": 1, "punct": 1}
    assert labels["cats"] == {"mood=glad": 1, "mood=sad": 0, "rude": 0}
    assert labels["spans"] == {"X": 1}
    assert labels["lemma"] == labels["sents"] == {}


def test_some_layers_have_a_task():
    found = Found("mood", ("mood=glad", "mood=sad"), reserved=frozenset(BUILT_IN))
    tasks = {name: layer.propose(found) for name, layer in BUILT_IN.items()}
    named = {name: task and (task.name, task.score) for name, task in tasks.items()}
    assert named == {
        "tag": ("tagger", "tag_acc"),
        "pos": ("pos", "pos_acc"),
        "morph": ("morph", "morph_acc"),
        "lemma": ("lemmatizer", "lemma_acc"),
        "dep": ("parser", "dep_las"),
        "ents": ("ner", "ents_f"),
        "sents": ("senter", "sents_f"),
        "spans": ("spans_mood", "spans_mood_f"),
        "cats": ("mood", "cats_score"),
        "values": ("mood", "values_score"),
    }
    assert {name for name, task in tasks.items() if task} == {
        name for name, layer in BUILT_IN.items() if layer.has_task
    }


@pytest.mark.parametrize(
    "heads, token, message",
    [
        ([1, 1, 3], 2, "head of token 3 the number of one of the 3 tokens, from 1, got 4"),
        ([1, 1, -1], 2, "got 0"),
        ([1, 1, "_"], 2, "got '_'"),
        ([1, 1, True], 2, "got True"),
        ([1, 2, 0], 0, "a circle through token 1"),
        ([0, 2, 1], 1, "a circle through token 2"),
    ],
)
def test_heads_that_are_none(heads, token, message):
    with pytest.raises(HeadError, match=message) as error:
        check_heads(heads, ["x"] * 3, first=1)
    assert error.value.token == token


def test_heads_that_are_some():
    check_heads([1, 1, 1, 9], ["a", "ROOT", "b", None])
    check_heads([0, 0, 1, 2], ["ROOT", "b", "c", "d"])
    check_heads([3, 0, 1, 3], ["b", "c", "d", "ROOT"])
    check_heads([], [])
