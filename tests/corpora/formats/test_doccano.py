import json

import pytest

from spacy_mtl.corpora import present_layers, read_docs
from spacy_mtl.errors import FormatError

from ..helpers import ents


@pytest.fixture
def read(write, nlp):
    def read(*objects, **options):
        lines = "".join(json.dumps(value) + "\n" for value in objects)
        return read_docs(write("a.jsonl", lines), nlp, **options)

    return read


@pytest.mark.parametrize("field", ["label", "labels", "entities", "annotation", "annotations"])
@pytest.mark.parametrize(
    "span",
    [
        [4, 7, "LOC"],
        {"id": 7, "label": "LOC", "start_offset": 4, "end_offset": 7},
        {"start": 4, "end": 7, "label": "LOC"},
        ["LOC", 4, 7],
        ["LOC", 4, 7, 0.9],
    ],
)
def test_spans(read, field, span):
    docs = read({"id": 1, "text": "See Rio", field: [span]}, {"id": 2, "text": "Hi", field: []})
    first, second = docs
    assert ents(first) == [("Rio", "LOC")]
    assert present_layers(second) == {"ents"}
    assert not first.cats and not second.cats
    if field != "entities":
        assert docs.remarks[f"an empty {field!r} was read as no entities"].records == 1


def test_classes(read):
    first, second, third = read(
        {"id": 1, "text": "Fine", "label": ["good", "short"]},
        {"id": 2, "text": "Well", "label": []},
        {"id": 3, "text": "Good", "label": ["good"]},
    )
    assert first.cats == {"good": 1.0, "short": 1.0}
    assert second.cats == {"good": 0.0, "short": 0.0}
    assert third.cats == {"good": 1.0, "short": 0.0}
    assert present_layers(first) == {"cats"}


def test_relations_are_said(read):
    docs = read(
        {
            "text": "Ana in Rio",
            "entities": [
                {"id": 1, "label": "PER", "start_offset": 0, "end_offset": 3},
                {"id": 2, "label": "LOC", "start_offset": 7, "end_offset": 10},
            ],
            "relations": [{"id": 0, "from_id": 1, "to_id": 2, "type": "in"}],
        },
        {"text": "Hi", "entities": [], "relations": []},
    )
    assert docs.remarks["field 'relations' was not used"].records == 1
    assert ents(next(docs)) == [("Ana", "PER"), ("Rio", "LOC")]


def test_intents_and_slots(read):
    (doc,) = read({"text": "To Rio", "cats": ["go"], "entities": [[3, 6, "LOC"]]})
    assert (ents(doc), doc.cats) == ([("Rio", "LOC")], {"go": 1.0})


def test_older_json(read):
    by_name = {"label": "LOC", "start_offset": 3, "end_offset": 6, "user": 1}
    (doc,) = read({"text": "To Rio", "annotations": [by_name]})
    assert ents(doc) == [("Rio", "LOC")]
    (doc,) = read({"text": "To Rio", "annotations": [{"label": "go", "user": 1}]})
    assert doc.cats == {"go": 1.0}
    with pytest.raises(FormatError, match="got 5, as in doccano's older JSON"):
        read({"text": "To Rio", "annotations": [{**by_name, "label": 5}]})


def test_the_text_as_data(read):
    (doc,) = read({"id": 1, "data": "To Rio", "label": [[3, 6, "LOC"]]})
    assert ents(doc) == [("Rio", "LOC")]


@pytest.mark.parametrize("field", ["annotation", "annotations"])
def test_annotation_as_an_object(read, field):
    (doc,) = read({"text": "To Rio", field: {"entities": [[3, 6, "LOC"]], "cats": {"go": 1}}})
    assert (ents(doc), doc.cats) == ([("Rio", "LOC")], {"go": 1.0})


def test_spans_twice(read):
    with pytest.raises(FormatError, match="in one field, got 'label' and 'entities'"):
        read({"text": "Rio", "label": [[0, 3, "A"]], "entities": [[0, 3, "A"]]})


def test_overlaps_go_to_a_group(read):
    objects = (
        {"text": "New York", "label": [[0, 8, "LOC"], [4, 8, "LOC"]]},
        {"text": "Hi", "label": []},
    )
    with pytest.raises(FormatError, match=r"do not overlap.*--overlaps"):
        list(read(*objects))
    first, second = read(*objects, overlaps="nested")
    assert [span.text for span in first.spans["nested"]] == ["New York", "York"]
    assert present_layers(first) == present_layers(second) == {"spans"}


def test_overlaps_beside_a_group_of_that_name(read):
    with pytest.raises(FormatError, match="no span group 'sc'"):
        read({"text": "Hi", "entities": [], "spans": {"sc": []}}, overlaps="sc")
