"""What a file has and its reader did not use is told, unless it is no annotation."""

import json

import pytest

from spacy_mtl.corpora import read_docs


def remarks(path, nlp, **options):
    docs = read_docs(path, nlp, **options)
    return {what: (seen.records, seen.example) for what, seen in docs.remarks.items()}


OWN = "if it is a layer of your own, --code FILE"


@pytest.mark.parametrize(
    "field, value, remark",
    [
        ("intent", "ask", "field 'intent' was not used (--cats-from intent or, {own})"),
        ("stars", 4, "field 'stars' was not used ({stars} or, {own})"),
        ("is spam", True, "field 'is spam' was not used (--cats-from 'is spam' or, {own})"),
        ("topics", ["a", "b"], "field 'topics' was not used (--cats-from topics or, {own})"),
        ("iob", ["B-A", "O", "O"], "field 'iob' was not used (--ner-from iob or, {own})"),
        ("stems", ["a", "b", "c"], "field 'stems' was not used ({own})"),
        ("scores", {"a": 0.5, "b": 1}, "field 'scores' was not used; categories belong in 'cats'"),
        ("names", [[0, 3, "A"]], "field 'names' was not used; spans belong in 'entities'"),
        ("names", [["A", 0, 3]], "field 'names' was not used; spans belong in 'entities'"),
        (
            "annotation",
            {"A": ["is"]},
            "field 'annotation' was not used; put what is in it {beside}",
        ),
        (
            "annotations",
            {"mood": "sad"},
            "field 'annotations' was not used; put what is in it {beside}",
        ),
        ("gold_labels", [["A"]], "field 'gold_labels' was not used ({own})"),
        ("more", {"labels": ["a"]}, "field 'labels' in 'more' was not used; put it {beside}"),
        (
            "more",
            {"inner": {"mood": "sad"}},
            "field 'inner' in 'more' was not used; put it {beside}",
        ),
        ("parts", [{"mood": "sad"}], "field 'mood' in 'parts' was not used; put it {beside}"),
        ("stars", 4.0, "field 'stars' was not used ({stars} or, {own})"),
        ("priority", "high", "field 'priority' was not used (--cats-from priority or, {own})"),
        ("text_type", "news", "field 'text_type' was not used (--cats-from text_type or, {own})"),
        ("relations", [{"head": 0, "label": "r"}], "field 'relations' was not used"),
        ("values", [0.5, 1], "field 'values' was not used ({own})"),
        ("values", [0.5, None, 1], "field 'values' was not used ({own})"),
        ("topics", ["a", None], "field 'topics' was not used (--cats-from topics or, {own})"),
        ("values", [None, "a", 0.5, 1], "field 'values' was not used ({own})"),
        ("boxes", [[0.5, None], [1, [2]]], "field 'boxes' was not used ({own})"),
    ],
)
def test_fields_like_annotation(write, nlp, field, value, remark):
    row = {"text": "Ana is in", "tokens": ["Ana", "is", "in"], field: value}
    found = remarks(write("a.jsonl", json.dumps(row)), nlp)
    stars = "--cats-from stars or --values-from stars"
    assert [*found] == [remark.format(beside="beside 'text'", own=OWN, stars=stars)]


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
        "unknown": [None, None, None, None],
        "ids": [1.5, 2.5],
        "sources": [["A text that is longer than any label could ever be."]],
        "passages": ["A text that is longer than any label could be.", None],
        "label": "x",
    }
    assert remarks(write("a.jsonl", json.dumps(row)), nlp) == {}


def test_all_rows_of_a_field_are_counted(write, nlp):
    rows = [{"text": "Fine", "level": level} for level in ([0.5, 1], [None, 0.25], [1, 2], [None])]
    rows += [{"tokens": ["a", "b"], "level": [1, None]}, {"text": "Fine"}]
    found = remarks(write("a.jsonl", "\n".join(map(json.dumps, rows))), nlp)
    assert found == {
        f"field 'level' was not used (--cats-from level or, {OWN})": (4, "[0.5, 1]"),
    }


def test_a_number_in_each_document(write, nlp):
    rows = [
        {"text": "Fine", "level": i / 16, "row": i, "place": {"lat": 3 + i / 7}} for i in range(40)
    ]
    found = remarks(write("a.jsonl", "\n".join(map(json.dumps, rows))), nlp)
    options = "--cats-from level or --values-from level"
    assert found == {f"field 'level' was not used ({options} or, {OWN})": (40, "0.0")}


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
        "comment 'stars' was not used (--cats-from stars or --values-from stars)": (1, "4.0"),
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
