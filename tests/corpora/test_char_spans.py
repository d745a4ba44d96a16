"""Spans by characters: labels that are missing, and blanks at the ends."""

import json

import pytest

from spacy_mtl.corpora import read_docs
from spacy_mtl.corpora.char_spans import clean_spans
from spacy_mtl.corpora.records import MISSING_LABELS, Record
from spacy_mtl.errors import FormatError
from spacy_mtl.marks import INCORRECT_SPANS

from .helpers import ents, iob

TEXT = "Eva  saw Oslo Town"


@pytest.fixture
def read(write, nlp):
    """The Docs of rows, and in how many records each remark was made."""

    def read(*rows, **options):
        docs = read_docs(write("a.jsonl", "\n".join(map(json.dumps, rows)) + "\n"), nlp, **options)
        return list(docs), {what: seen.records for what, seen in docs.remarks.items()}

    return read


def groups(doc):
    return {key: [(span.text, span.label_) for span in group] for key, group in doc.spans.items()}


@pytest.mark.parametrize("label", ["NA", " N/A\u00a0", "nan", "None", "-1", -1, -1.0])
def test_tokens_of_an_entity_with_a_missing_label_are_missing(label, read):
    rows = (
        {"text": "Hm Eva", "entities": [[0, 2, "X"], [3, 6, label]]},
        {"text": "Eva saw", "spans": [{"start": 0, "end": 3, "label": label}]},
    )
    docs, remarks = read(*rows)
    assert [iob(doc) for doc in docs] == [["B-X", ""], ["", "O"]]
    shown = str(int(label) if isinstance(label, float) else label).strip()
    assert remarks == {
        f"{shown!r} as label of a span was taken as missing (--missing '' keeps it)": 2
    }


@pytest.mark.parametrize("label", [None, float("nan")])
def test_entities_without_a_label(label, read):
    docs, remarks = read(
        {"text": "Eva saw", "entities": [[0, 3, label]]},
        {"text": "Eva saw", "label": [[0, 3, "X"], [4, 7, label]]},
        missing=[],
    )
    assert [iob(doc) for doc in docs] == [["", "O"], ["B-X", ""]]
    assert remarks == {"spans without a label were taken as missing": 2}


def test_the_option_keeps_labels_of_spans(read):
    (doc,), remarks = read({"text": "Eva saw", "entities": [[0, 3, "NA"], [4, 7, -1]]}, missing=[])
    assert ents(doc) == [("Eva", "NA"), ("saw", "-1")]
    assert not remarks
    docs, _ = read({"text": "Eva", "entities": [[0, 3, "unk"]]}, missing=["unk"])
    assert iob(docs[0]) == [""]


def test_what_is_known_inside_of_an_unknown_entity_stays(read):
    (doc,), _ = read(
        {"text": "Eva saw Oslo", "entities": [[0, 12, "NA"], [0, 7, None], [8, 12, "X"]]}
    )
    assert iob(doc) == ["", "", "B-X"]


def test_a_label_under_another_name(read):
    (doc,), _ = read(
        {"text": "Eva", "entities": [{"start": 0, "end": 3, "label": None, "entity": "X"}]}
    )
    assert ents(doc) == [("Eva", "X")]


def test_a_span_without_a_field_for_its_label_is_an_error(read):
    with pytest.raises(FormatError, match="Expected \\[start, end, label\\]"):
        read({"text": "Eva", "entities": [{"start": 0, "end": 3, "kind": "X"}]})


def test_span_groups_have_the_spans_with_a_label(read):
    spans = {"sc": [[0, 3, "NA"], [4, 7, "X"]], "none": [[0, 3, None]], "empty": []}
    (doc,), remarks = read({"text": "Eva saw", "spans": spans})
    assert groups(doc) == {"sc": [("saw", "X")], "empty": []}
    assert sum(remarks.values()) == 2


def test_entities_that_go_to_a_group(read):
    docs, _ = read(
        {"text": "Eva saw", "entities": [[0, 3, "NA"], [4, 7, "X"]]},
        {"text": "Eva", "entities": [[0, 3, "NA"]]},
        {"text": "Hm", "entities": []},
        overlaps="sc",
    )
    assert [groups(doc) for doc in docs] == [{"sc": [("saw", "X")]}, {}, {"sc": []}]


def test_answers_about_spans_without_a_label_say_nothing(read):
    span = {"start": 0, "end": 3, "label": "NA"}
    row = {"text": "Eva saw", "spans": [span], "_is_binary": True}
    docs, remarks = read({**row, "answer": "accept"}, {**row, "answer": "reject", "text": "Eva"})
    assert [iob(doc) for doc in docs] == [["", ""], [""]]
    assert not any(doc.spans for doc in docs)
    assert [*remarks.values()] == [2]


@pytest.mark.parametrize(
    "span, expected",
    [
        ((0, 4), "Eva"),
        ((0, 5), "Eva"),
        ((4, 9), "saw"),
        ((3, 14), "saw Oslo"),
        ((0, 18), "Eva  saw Oslo Town"),
    ],
)
def test_blanks_at_the_ends_of_a_span_are_no_part_of_it(span, expected, read):
    row = {"text": TEXT, "entities": [[*span, "X"]]}
    docs, remarks = read(row, {**row, "tokens": TEXT.split()})
    assert [ents(doc)[0][0].split() for doc in docs] == [expected.split()] * 2
    moved = expected != TEXT
    assert remarks == (
        {"spans with blanks at an end were made shorter by these": 2} if moved else {}
    )


def test_blanks_of_all_kinds_in_groups_too(read):
    row = {"text": "Eva\u00a0\nsaw", "spans": {"sc": [[0, 5, "X"], [3, 8, "Y"]]}}
    (doc,), _ = read(row)
    assert groups(doc) == {"sc": [("Eva", "X"), ("saw", "Y")]}


def test_a_token_may_end_with_a_blank(read):
    row = {"text": "Eva saw", "tokens": ["Eva ", "saw"], "entities": [[0, 4, "X"]]}
    (doc,), remarks = read(row)
    assert iob(doc) == ["B-X", "O"]
    assert not remarks


@pytest.mark.parametrize("spans", [[(0, 4), (0, 3)], [(0, 3), (0, 4)], [(0, 4), (0, 5)]])
def test_a_span_moved_onto_its_equal_is_one(spans, read):
    (doc,), _ = read({"text": TEXT, "entities": [[*span, "X"] for span in spans]})
    assert ents(doc) == [("Eva", "X")]


@pytest.mark.parametrize("span", [(3, 5), (4, 5), (3, 4), (4, 4), (-1, 3), (5, 30)])
def test_spans_of_blanks_or_outside_of_the_text_stay_as_they_are(span):
    record = Record(line=1, text=TEXT, ents=[(*span, "X")])
    assert clean_spans(record, MISSING_LABELS).ents == [(*span, "X")]
    assert not record.remarks


def test_a_span_of_a_blank_is_an_error(read):
    with pytest.raises(FormatError, match="on the borders of tokens"):
        read({"text": TEXT, "entities": [[3, 4, "X"]]}, {"text": TEXT, "entities": [[3, 5, "X"]]})


def test_answers_are_compared_without_blanks_at_the_ends(read):
    row = {"text": TEXT, "_is_binary": True}
    accepted = {**row, "answer": "accept", "spans": [{"start": 0, "end": 4, "label": "X"}]}
    refused = {**row, "answer": "reject", "spans": [{"start": 0, "end": 3, "label": "X"}]}
    (doc,), remarks = read(accepted, refused)
    assert set(iob(doc)) == {""} and INCORRECT_SPANS not in doc.spans
    assert remarks["contradictory answers, left out"] == 1
