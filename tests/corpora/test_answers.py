"""Yes/no answers on one text, put together: what they say has clean labels before."""

import json

import pytest

from spacy_mtl.corpora import read_docs
from spacy_mtl.marks import INCORRECT_SPANS

from .helpers import iob

CONTRADICTORY = "contradictory answers, left out"


@pytest.fixture
def read(write, nlp):
    """The Docs of rows in a JSONL file or a JSON list, and what is listed as contradictory."""

    def read(*rows, suffix=".jsonl", **options):
        lines = "\n".join(map(json.dumps, rows)) if suffix == ".jsonl" else json.dumps(rows)
        docs = read_docs(write(f"a{suffix}", lines + "\n"), nlp, **options)
        found = list(docs)
        return found, docs.remarks[CONTRADICTORY].listed if CONTRADICTORY in docs.remarks else []

    return read


def about_span(answer, label, text="Eva saw"):
    span = {"start": 0, "end": 3, "label": label}
    return {"text": text, "spans": [span], "answer": answer, "_is_binary": True}


def about_class(answer, label, text="Eva saw"):
    return {"text": text, "label": label, "answer": answer, "_is_binary": True}


@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u200b"])
def test_labels_that_differ_by_blanks_are_one(blank, suffix, read):
    (doc,), listed = read(
        about_span("accept", "PER"),
        about_span("reject", f"{blank}PER{blank}"),
        about_class("reject", f"{blank}x{blank}"),
        about_class("accept", "x"),
        about_class("accept", f"y{blank}"),
        suffix=suffix,
    )
    assert iob(doc) == ["", ""] and INCORRECT_SPANS not in doc.spans
    assert doc.cats == {"y": 1.0}
    assert [line.split(" (")[0] for line in listed] == [
        "'Eva' PER accepted",
        "class 'x' of 'Eva saw' accepted",
    ]


def test_answers_that_agree_but_for_blanks(read):
    (doc,), listed = read(about_span("accept", "PER"), about_span("accept", "PER\u00a0"))
    assert iob(doc) == ["B-PER", ""]
    assert not listed


def test_numbers_in_two_notations_are_one(read):
    docs, listed = read(
        about_class("reject", "1"),
        about_class("accept", "1.0"),
        about_class("accept", "2.0"),
        about_class("accept", "2"),
        about_class("reject", "3.0", text="Hm"),
    )
    assert [doc.cats for doc in docs] == [{"2": 1.0}, {"3": 0.0}]
    assert listed == ["class '1' of 'Eva saw' accepted (line 2), rejected (line 1)"]


@pytest.mark.parametrize(
    "other", [about_class("accept", "more", "Hm"), {"text": "a", "label": "b"}]
)
def test_numbers_beside_names_are_names(other, read):
    docs, listed = read(about_class("reject", "1"), about_class("accept", "1.0"), other)
    assert docs[0].cats.items() >= {"1": 0.0, "1.0": 1.0}.items()
    assert not listed


def test_answers_of_a_json_list_are_one_document_in_the_place_of_the_first(read):
    docs, _ = read(
        {"text": "First."},
        about_class("accept", "x"),
        {"text": "Second."},
        about_class("reject", "y"),
        about_span("accept", "PER"),
        suffix=".json",
    )
    assert [doc.text for doc in docs] == ["First.", "Eva saw", "Second."]
    assert docs[1].cats == {"x": 1.0, "y": 0.0}
    assert iob(docs[1]) == ["B-PER", ""]


def test_entities_of_answers_that_go_to_a_group(read):
    (doc,), _ = read(about_span("accept", "PER"), about_span("accept", "PER "), overlaps="sc")
    assert [(span.text, span.label_) for span in doc.spans["sc"]] == [("Eva", "PER")]


def test_errors_between_answers_are_left_out(read):
    rows = about_class("accept", "x"), {"text": 1, "answer": "accept"}, about_class("reject", "y")
    (doc,), _ = read(*rows, on_error="skip")
    assert doc.cats == {"x": 1.0, "y": 0.0}


def test_an_answer_whose_name_is_escaped_stands_alone(write, nlp):
    line = '{"text": "Hm", "label": "x", "\\u0061nswer": "accept", "_is_binary": true}\n'
    docs = read_docs(write("a.jsonl", line * 2), nlp)
    assert [doc.cats for doc in docs] == [{"x": 1.0}] * 2
