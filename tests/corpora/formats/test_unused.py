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
        ("stems", ["a", "b", "c"], "field 'stems' was not used"),
        ("scores", {"a": 0.5, "b": 1}, "field 'scores' was not used; categories belong in 'cats'"),
        ("names", [[0, 3, "A"]], "field 'names' was not used; spans belong in 'entities'"),
        ("names", [["A", 0, 3]], "field 'names' was not used; spans belong in 'entities'"),
        ("annotation", {"A": ["is"]}, "field 'annotation' was not used; put what is in it {}"),
        ("annotations", {"mood": "sad"}, "field 'annotations' was not used; put what is in it {}"),
        ("gold_labels", [["A"]], "field 'gold_labels' was not used"),
        ("more", {"labels": ["a"]}, "field 'labels' in 'more' was not used; put it {}"),
        ("more", {"inner": {"mood": "sad"}}, "field 'inner' in 'more' was not used; put it {}"),
        ("parts", [{"mood": "sad"}], "field 'mood' in 'parts' was not used; put it {}"),
        ("stars", 4.0, "field 'stars' was not used (--cats-from stars)"),
        ("priority", "high", "field 'priority' was not used (--cats-from priority)"),
        ("text_type", "news", "field 'text_type' was not used (--cats-from text_type)"),
        ("relations", [{"head": 0, "label": "r"}], "field 'relations' was not used"),
    ],
)
def test_fields_like_annotation(write, nlp, field, value, remark):
    row = {"text": "Ana is in", "tokens": ["Ana", "is", "in"], field: value}
    found = remarks(write("a.jsonl", json.dumps(row)), nlp)
    assert [*found] == [remark.format("beside 'text'")]


def test_fields_that_are_none(write, nlp):
    row = {
        "text": "Ana",
        "id": 3,
        "_input_hash": 5,
        "meta": {"source": "x", "labels": ["y"]},
        "place": {"lat": 3.5, "lon": 7.25, "id": "a"},
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


@pytest.mark.parametrize(
    "values, told",
    [
        (["a", "b"], True),
        (["1.0", "", "0.0"], True),
        (["3.5", "4.0", "4.5"], True),
        (["a"], True),
        ([f"v{i}" for i in range(60)], False),
        ([f"v{i}" for i in range(45)], False),
        ([f"{i / 7:.3f}" for i in range(60)], False),
        ([f"{i / 7:.3f}" for i in range(25)], False),
    ],
)
def test_labels_repeat(write, nlp, values, told):
    rows = "".join(f"Fine,x,{values[i % len(values)]}\n" for i in range(60))
    found = remarks(write("a.csv", f"text,label,code\n{rows}"), nlp)
    assert bool(found) == told


@pytest.mark.parametrize("n_rows, told", [(3, True), (8, False)])
def test_what_differs_in_each_row(write, nlp, n_rows, told):
    rows = [{"text": "Fine", "label": "x", "more": {"code": f"v{i}"}} for i in range(n_rows)]
    found = remarks(write("a.jsonl", "\n".join(map(json.dumps, rows))), nlp)
    assert bool(found) == told


def test_comments(write, nlp):
    comments = [
        ["# topic: sport", "# urgent"],
        ["# topic: weather", "# stars = 4.0", "# see http://a.b"],
        ["# urgent", "# hard to say", "# sent_id = 3", "# Note: fine"],
        ["# once", "#begin document (a); part 1"],
    ]
    row = "\t".join(["1", "Hm", "_", "INTJ", *"______"])
    text = "".join("\n".join([*beside, row, "", ""]) for beside in comments)
    path = write("a.conllu", text)
    topic = "comment 'topic' was not used (--cats-from topic)"
    assert remarks(path, nlp) == {
        topic: (2, "sport"),
        "comment 'urgent' was not used (write it as '# NAME = urgent')": (2, "urgent"),
        "comment 'stars' was not used (--cats-from stars)": (1, "4.0"),
    }
    docs = read_docs(path, nlp, cats_from=["topic"])
    assert topic not in docs.remarks
    assert [doc.cats.get("topic=sport") for doc in docs] == [1.0, 0.0, None, None]


def test_columns_behind_the_named_ones(write, nlp):
    text = "Ana NNP O B-PER\nis VB O O\n\nin IN O O\n"
    assert remarks(write("a.conll", text), nlp, columns=["form", "tag"]) == {
        "column 4 was not used (--columns)": (1, "B-PER")
    }
    assert remarks(write("a.conll", text), nlp, columns=["form", "tag", "_", "ner"]) == {}
