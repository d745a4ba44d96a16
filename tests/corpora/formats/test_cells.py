"""Lists and objects in the cells of CSV and TSV, and in strings of JSON."""

import csv
import io
import json

import pytest

from spacy_mtl.corpora import present_layers, read_docs
from spacy_mtl.errors import FormatError

from ..helpers import ents, iob

REGION = json.dumps([{"start": 4, "end": 7, "text": "Rio", "labels": ["LOC"]}])
LISTS = "lists in column 'label' were read as such"


@pytest.fixture
def read(write, nlp):
    """Reads rows, the first of which is the header, from a table."""

    def read(*rows, delimiter=",", **options):
        file = io.StringIO()
        csv.writer(file, delimiter=delimiter).writerows(rows)
        name = "a.tsv" if delimiter == "\t" else "a.csv"
        return read_docs(write(name, file.getvalue()), nlp, **options)

    return read


@pytest.mark.parametrize("delimiter", [",", "\t"])
@pytest.mark.parametrize("column", ["label", "ner"])
def test_label_studio(read, delimiter, column):
    first, second = read(
        ["review", "id", column, "annotator", "annotation_id", "lead_time"],
        ["See Rio", 1, REGION, 1, 5, 3.5],
        ["It rained", 2, "", 1, 6, 0.5],
        delimiter=delimiter,
        text_column="review",
    )
    assert ents(first) == [("Rio", "LOC")]
    assert iob(second) == ["O", "O"]
    assert not first.cats


def test_spans_of_several_controls_of_label_studio(read):
    first, second = read(
        ["text", "places", "names", "annotator"],
        ["See Rio", REGION, "", 1],
        ["See Rio", "", REGION, 1],
    )
    assert [(key, len(first.spans[key])) for key in first.spans] == [("names", 0), ("places", 1)]
    assert [(key, len(second.spans[key])) for key in second.spans] == [("names", 1), ("places", 0)]


def test_choices_of_label_studio(read):
    docs = read(
        ["text", "mood", "annotator"],
        ["a", '{"choices": ["sad", "odd"]}', 1],
        ["b", "sad", 1],
        ["c", "", 1],
        cats_from=["mood"],
    )
    assert [doc.cats for doc in docs] == [
        {"mood=odd": 1.0, "mood=sad": 1.0},
        {"mood=odd": 0.0, "mood=sad": 1.0},
        {},
    ]


@pytest.mark.parametrize("column", ["label", "labels", "entities", "annotations"])
@pytest.mark.parametrize(
    "cell",
    [
        '[[4, 7, "LOC"]]',
        "[[4, 7, 'LOC']]",
        "[(4, 7, 'LOC')]",
        "[('LOC', 4, 7)]",
        "[{'start': 4, 'end': 7, 'label': 'LOC'}]",
        REGION,
    ],
)
def test_spans(read, column, cell):
    docs = read(["text", column], ["See Rio", cell], ["Hm", "[]"], ["Hi", ""])
    assert (LISTS in docs.remarks) == (column == "label")
    first, second, third = docs
    assert ents(first) == [("Rio", "LOC")]
    assert iob(second) == ["O"]
    assert present_layers(third) == set()


def test_an_object_with_entities(read):
    (doc,) = read(["text", "annotations"], ["See Rio", "{'entities': [(4, 7, 'LOC')]}"])
    assert ents(doc) == [("Rio", "LOC")]


@pytest.mark.parametrize("cell", ["['x', 'y']", '["x", "y"]', "('x', 'y')", "{'x', 'y'}"])
def test_several_classes(read, cell):
    first, second, third = read(["text", "label"], ["a", cell], ["b", "x"], ["c", ""])
    assert first.cats == {"x": 1.0, "y": 1.0} or cell.startswith("(")
    assert second.cats["x"] == 1.0
    assert third.cats == {}


def test_tokens_and_tags(read, write):
    rows = [
        ["tokens", "ner_tags", "pos"],
        ["['See', 'Rio']", "['O', 'B-LOC']", "['VERB', 'PROPN']"],
    ]
    (doc,) = read(*rows)
    assert (ents(doc), doc[1].pos_) == ([("Rio", "LOC")], "PROPN")
    (doc,) = read(
        ["words", "labels"], ["['See', 'Rio']", "[0, 1]"], names=write("names.txt", "O\nB-LOC\n")
    )
    assert ents(doc) == [("Rio", "LOC")]


def test_plain_strings_in_brackets_are_classes(read):
    docs = read(["text", "label"], ["a", "[sic]"], ["b", "{x}"], ["c", "(y, z)"], ["d", "[x] y"])
    assert {*next(docs).cats} == {"[sic]", "{x}", "(y, z)", "[x] y"}
    assert not docs.remarks


def test_columns_of_lists_that_are_no_layer(read):
    docs = read(
        ["text", "label", "tags", "spans", "meta"], ["a b", "x", "['s', 't']", "[3, 4]", "{'k': 1}"]
    )
    assert next(docs).cats == {"x": 1.0}
    assert [*docs.remarks] == [
        "column 'tags' was not used (--cats-from tags)",
        "column 'spans' was not used (--cats-from spans)",
    ]


@pytest.mark.parametrize(
    "cell, message",
    [
        ("['x' 'y']", "It looks like an array .* Write JSON lines instead"),
        ("['x'\n 'y']", "It looks like an array .* Write JSON lines instead"),
        ("[1 0]", "It looks like an array .* Write JSON lines instead"),
        ("[[0, 3, 'PE", "It looks like an array or a list that pandas wrote"),
        (REGION[:-5], "It looks like Label Studio's CSV, .*Export its JSON instead"),
        ('{"PER": ["Rio"]}', "a label or a list of labels in 'label'"),
        ('["\\ud800"]', "lone surrogate"),
    ],
)
def test_what_cannot_be_read(read, cell, message):
    rows = [["text", "label"], ["fine", "x"], ["odd", cell]]
    with pytest.raises(FormatError, match=rf"a\.csv:3: .*{message}"):
        read(*rows)
    docs = read(*rows, on_error="skip")
    assert [doc.text for doc in docs] == ["fine"]
    assert docs.errors == 1


@pytest.mark.parametrize("cell", [REGION, "[[4, 7, 'LOC']]"])
def test_strings_in_json(write, nlp, cell):
    rows = [{"text": "See Rio", "label": cell}, {"text": "Hm", "label": "[]"}]
    for name, text in (
        ("a.json", json.dumps(rows)),
        ("a.jsonl", "\n".join(map(json.dumps, rows))),
    ):
        first, second = read_docs(write(name, text), nlp)
        assert ents(first) == [("Rio", "LOC")]
        assert iob(second) == ["O"]
