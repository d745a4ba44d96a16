"""Entity tags in fields that may as well hold classes."""

import json

import pytest

from spacy_mtl.corpora import present_layers, read_docs
from spacy_mtl.errors import FormatError

from ..helpers import ents, iob, tags

TOKENS = ["Ann", "Lee", "left"]


@pytest.fixture
def read(write, nlp):
    def read(*objects, **options):
        lines = "".join(json.dumps(value) + "\n" for value in objects)
        return read_docs(write("a.jsonl", lines), nlp, **options)

    return read


def said(docs):
    return [what.split(" (")[0] for what in docs.remarks]


@pytest.mark.parametrize("tokens", ["tokens", "words"])
@pytest.mark.parametrize("field", ["labels", "label", "tags", "ner", "entities"])
@pytest.mark.parametrize("prefix", ["B-", "I-", "b-"])
def test_lists_as_long_as_the_tokens(read, tokens, field, prefix):
    docs = read(
        {tokens: ["It", "rained"], field: ["O", "O"]},
        {tokens: TOKENS, field: [f"{prefix}PER", "I-PER", "O"]},
    )
    first, second = docs
    assert iob(first) == ["O", "O"]
    assert ents(second) == [("Ann Lee", "PER")]
    assert present_layers(second) == {"ents"}
    assert said(docs) == [f"field {field!r}, as long as the tokens, was read as entity tags"]


def test_in_a_list_of_records(write, nlp):
    rows = {"data": [{"words": TOKENS, "labels": ["U-PER", None, "O"]}]}
    (doc,) = read_docs(write("a.json", json.dumps(rows)), nlp)
    assert iob(doc) == ["B-PER", "", "O"]


def test_labels_without_a_letter(read):
    first, second = read(
        {"tokens": TOKENS, "labels": ["PER", "PER", "O"]}, {"tokens": ["Bo"], "labels": ["PER"]}
    )
    assert ents(first) == [("Ann Lee", "PER")]
    assert ents(second) == [("Bo", "PER")]


def test_words_of_the_text(read):
    first, second = read(
        {"text": "Ann Lee  left", "labels": ["B-PER", "I-PER", "O"]},
        {"text": "Ann left.", "words": ["Ann", "left", "."], "labels": ["B-PER", "O", "O"]},
    )
    assert ents(first) == [("Ann Lee", "PER")]
    assert [token.text for token in second] == ["Ann", "left", "."]


def test_words_that_are_not_the_text(read):
    (doc,) = read({"text": "Ann left.", "words": ["departure"], "label": "x"})
    assert [token.text for token in doc] == ["Ann", "left", "."]


def test_a_list_of_another_length_is_an_error(read):
    docs = read(
        {"tokens": TOKENS, "labels": ["B-PER", "I-PER", "O"]},
        {"tokens": TOKENS, "labels": ["B-PER", "O"]},
        on_error="skip",
    )
    assert [ents(doc) for doc in docs] == [[("Ann Lee", "PER")]]
    assert docs.errors == 1


def test_classes_beside_tokens(read):
    docs = read(
        {"tokens": ["Go", "Rio"], "labels": ["sport", "e-mail"]},
        {"tokens": ["It", "rained"], "labels": ["weather"]},
    )
    assert [doc.cats["weather"] for doc in docs] == [0.0, 1.0]
    assert not docs.remarks


def test_classes_that_may_be_tags_are_said(read):
    docs = read({"tokens": ["Go", "Rio"], "labels": ["VB", "NNP"]})
    assert next(docs).cats == {"NNP": 1.0, "VB": 1.0}
    assert said(docs) == ["field 'labels', as long as the tokens, was read as classes"]


def test_classes_by_choice(read):
    docs = read({"tokens": ["Go"], "labels": ["O"]}, cats_from=["labels"])
    assert next(docs).cats == {"labels=O": 1.0}


@pytest.mark.parametrize("field", ["labels", "label", "ner", "entities"])
def test_numbers_need_names(read, write, field):
    rows = [{"tokens": TOKENS, field: [1, 2, 0]}, {"tokens": ["Bo"], field: [-100]}]
    with pytest.raises(
        FormatError, match=rf"a\.jsonl:1: .*in '{field}'.* got the numbers.*--names"
    ):
        read(*rows)
    first, second = read(*rows, names=write("names.txt", "O\nB-PER\nI-PER\n"))
    assert ents(first) == [("Ann Lee", "PER")]
    assert iob(second) == [""]
    first, _ = read(*rows, names=write("names.txt", "O\nPER\nORG\n"))
    assert ents(first) == [("Ann", "PER"), ("Lee", "ORG")]


def test_tags_in_several_fields(read):
    row = {"tokens": TOKENS, "labels": ["B-PER", "I-PER", "O"], "ner_tags": ["O", "B-X", "O"]}
    docs = read(row)
    assert ents(next(docs)) == [("Lee", "X")]
    assert said(docs) == ["field 'labels', which looks like entity tags, was not used"]
    docs = read(row, ner_from="labels")
    assert ents(next(docs)) == [("Ann Lee", "PER")]
    (doc,) = read({**row, "ner_tags": [0, 5, 0]})
    assert ents(doc) == [("Ann Lee", "PER")]


def test_tags_beside_entity_tags_stay_tags(read):
    (doc,) = read(
        {"tokens": TOKENS, "tags": ["B-NP", "I-NP", "O"], "ner_tags": ["B-PER", "I-PER", "O"]}
    )
    assert tags(doc) == ["B-NP", "I-NP", "O"]
    assert ents(doc) == [("Ann Lee", "PER")]
