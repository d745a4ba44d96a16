"""What a file has and its reader did not use is told, unless it is no annotation."""

import json

import pytest

from spacy_mtl.corpora import read_docs


def remarks(path, nlp, **options):
    docs = read_docs(path, nlp, **options)
    return {what: (seen.records, seen.example) for what, seen in docs.remarks.items()}


@pytest.mark.parametrize(
    "field, value, remark",
    [
        ("intent", "ask", "field 'intent' was not used (--cats-from intent)"),
        ("stars", 4, "field 'stars' was not used (--cats-from stars)"),
        ("is spam", True, "field 'is spam' was not used (--cats-from 'is spam')"),
        ("topics", ["a", "b"], "field 'topics' was not used (--cats-from topics)"),
        ("iob", ["B-A", "O", "O"], "field 'iob' was not used (--ner-from iob)"),
        ("lemmas", ["a", "b", "c"], "field 'lemmas' was not used"),
        ("scores", {"a": 0.5, "b": 1}, "field 'scores' was not used; categories belong in 'cats'"),
        ("names", [[0, 3, "A"]], "field 'names' was not used; spans belong in 'entities'"),
        ("relations", [{"head": 0, "label": "r"}], "field 'relations' was not used"),
    ],
)
def test_fields_like_annotation(write, nlp, field, value, remark):
    row = {"text": "Ana is in", "tokens": ["Ana", "is", "in"], field: value}
    found = remarks(write("a.jsonl", json.dumps(row)), nlp)
    assert [*found] == [remark]


def test_fields_that_are_none(write, nlp):
    row = {
        "text": "Ana",
        "id": 3,
        "_input_hash": 5,
        "meta": {"source": "x"},
        "doc_id": "a",
        "created_at": "now",
        "rating": 0.25,
        "notes": "fine",
        "summary": "A text that is longer than any label could be.",
        "tags_seen": [],
        "label": "x",
    }
    assert remarks(write("a.jsonl", json.dumps(row)), nlp) == {}


def test_entity_tags_from_a_field_by_choice(write, nlp):
    row = {"tokens": ["Ana", "is"], "iob": ["B-PER", "O"]}
    (doc,) = read_docs(write("a.jsonl", json.dumps(row)), nlp, ner_from="iob")
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Ana", "PER")]


def test_columns_of_csv(write, nlp):
    text = ",id,text,label,mood,review_title\n0,7,Fine,x,glad,A\n1,8,Bad,y,,B\n2,9,So,y,sad,C\n"
    assert remarks(write("a.csv", text), nlp) == {
        "column 'mood' was not used (--cats-from mood)": (2, "glad")
    }


@pytest.mark.parametrize("n_values, told", [(2, True), (60, False)])
def test_labels_repeat(write, nlp, n_values, told):
    rows = "".join(f"Fine,x,v{i % n_values}\n" for i in range(60))
    found = remarks(write("a.csv", f"text,label,code\n{rows}"), nlp)
    assert bool(found) == told


def test_columns_behind_the_named_ones(write, nlp):
    text = "Ana NNP O B-PER\nis VB O O\n\nin IN O O\n"
    assert remarks(write("a.conll", text), nlp, columns=["form", "tag"]) == {
        "column 4 was not used (--columns)": (1, "B-PER")
    }
    assert remarks(write("a.conll", text), nlp, columns=["form", "tag", "_", "ner"]) == {}
