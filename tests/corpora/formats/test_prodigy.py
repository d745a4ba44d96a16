"""Prodigy's yes/no answers and choices: the Docs have what was asked, and nothing else."""

import json

import pytest

from spacy_mtl.corpora import read_docs
from spacy_mtl.errors import FormatError
from spacy_mtl.marks import INCORRECT_SPANS

from ..helpers import iob

TEXT = "Eva saw Oslo Town"
EVA, OSLO, TOWN = (0, 3, "PER"), (8, 12, "LOC"), (8, 17, "LOC")


@pytest.fixture
def stream(write, nlp):
    """The Docs of rows, and what else the reader says of them."""

    def stream(*rows, **options):
        lines = "\n".join(map(json.dumps, rows))
        return read_docs(write("a.jsonl", lines + "\n"), nlp, **options)

    return stream


@pytest.fixture
def read(stream):
    return lambda *rows, **options: list(stream(*rows, **options))


def about_spans(answer, *spans, text=TEXT, **fields):
    objects = [{"start": start, "end": end, "label": label} for start, end, label in spans]
    row = {"text": text, "spans": objects, "answer": answer, "_view_id": "ner", "_is_binary": True}
    return {**row, **fields}


def about_class(answer, label, text=TEXT, **fields):
    row = {"text": text, "label": label, "answer": answer, "_view_id": "classification"}
    return {**row, "_is_binary": True, **fields}


def rejected(doc):
    return [(span.text, span.label_) for span in doc.spans.get(INCORRECT_SPANS, ())]


# Questions


def test_an_accepted_span_says_nothing_of_other_tokens(read):
    (doc,) = read(about_spans("accept", EVA))
    assert iob(doc) == ["B-PER", "", "", ""]
    assert not doc.spans


def test_a_rejected_span_is_no_entity_and_leaves_all_tokens_open(read):
    (doc,) = read(about_spans("reject", TOWN))
    assert iob(doc) == [""] * 4
    assert rejected(doc) == [("Oslo Town", "LOC")]


def test_answers_on_one_text_are_one_document_in_the_place_of_the_first(read):
    docs = read(
        {"text": "First.", "label": "A"},
        about_spans("accept", EVA),
        {"text": "Second.", "label": "B"},
        about_spans("reject", OSLO),
        about_spans("accept", TOWN),
        about_class("reject", "B"),
        about_spans("accept", EVA),
    )
    assert [doc.text for doc in docs] == ["First.", TEXT, "Second."]
    assert iob(docs[1]) == ["B-PER", "", "B-LOC", "I-LOC"]
    assert rejected(docs[1]) == [("Oslo", "LOC")]
    assert docs[1].cats == {"B": 0.0}


def test_other_rows_on_one_text_stay_documents(read):
    complete = {"text": TEXT, "spans": [], "_view_id": "ner_manual", "_is_binary": False}
    docs = read(about_spans("accept", EVA), complete, complete, about_spans("accept", TOWN))
    assert [iob(doc) for doc in docs] == [["B-PER", "", "B-LOC", "I-LOC"], ["O"] * 4, ["O"] * 4]


@pytest.mark.parametrize(
    "mark",
    [
        {"_is_binary": True, "_view_id": None},
        {"_is_binary": None, "_view_id": "ner"},
        {"_is_binary": True, "_view_id": "blocks"},
    ],
)
def test_marks_of_questions_about_spans(mark, read):
    (doc,) = read(about_spans("accept", EVA, **mark))
    assert iob(doc) == ["B-PER", "", "", ""]


@pytest.mark.parametrize(
    "mark", [{"_is_binary": False}, {"_is_binary": None, "_view_id": "ner_manual"}]
)
def test_marks_of_complete_rows(mark, read):
    (doc,) = read(about_spans("accept", EVA, **mark))
    assert iob(doc) == ["B-PER", "O", "O", "O"]


def test_rows_of_the_first_versions_have_no_mark(read):
    numbers = {"_input_hash": 1, "_task_hash": 2}
    span = {"start": 0, "end": 3, "label": "PER", "score": 0.4, "rank": 1}
    docs = read(
        {"text": TEXT, "label": "B", "score": 0.5, "spans": [], "answer": "reject", **numbers},
        {"text": "Eva", "spans": [span], "answer": "reject", **numbers},
    )
    assert [iob(doc) for doc in docs] == [[""] * 4, [""]]
    assert docs[0].cats == {"B": 0.0}
    assert rejected(docs[1]) == [("Eva", "PER")]


def test_spans_with_an_answer_each(read):
    spans = [
        {"start": 0, "end": 3, "label": "PER"},
        {"start": 4, "end": 7, "label": "LOC", "answer": "reject"},
        {"start": 8, "end": 12, "label": "LOC", "answer": "ignore"},
    ]
    (doc,) = read({"text": TEXT, "spans": spans, "answer": "accept"})
    assert iob(doc) == ["B-PER", "", "", ""]
    assert rejected(doc) == [("saw", "LOC")]


def test_classes_are_known_one_by_one(read):
    docs = read(
        about_class("accept", "B"),
        about_class("reject", "A"),
        about_class("reject", "A", text="Hm"),
        group_name="topic",
    )
    assert [doc.cats for doc in docs] == [{"topic=B": 1.0, "topic=A": 0.0}, {"topic=A": 0.0}]
    assert [iob(doc) for doc in docs] == [[""] * 4, [""]]


def test_the_group_of_a_class_that_was_asked_for(stream):
    docs = stream(about_class("accept", "B"), cats_from=["label"])
    assert [doc.cats for doc in docs] == [{"label=B": 1.0}]
    assert not docs.absent_groups
    docs = stream(about_class("accept", "B"), cats_from=["topic"])
    assert [doc.cats for doc in docs] == [{}]
    assert any("--cats-from" in what for what in docs.remarks)


def test_spans_that_a_pattern_matched_are_no_entities(stream):
    docs = stream(about_class("accept", "B", spans=[{"start": 0, "end": 3, "pattern": 7}]))
    assert [iob(doc) for doc in docs] == [[""] * 4]
    assert any("'spans'" in what for what in docs.remarks)


def test_of_several_spans_rejected_at_once_any_may_be_wrong(stream):
    docs = stream(about_spans("reject", EVA, TOWN))
    assert [rejected(doc) for doc in docs] == [[]]
    assert any("several" in what for what in docs.remarks)


@pytest.mark.parametrize("answer", ["ignore", None])
def test_what_was_not_answered_is_left_out(answer, stream):
    docs = stream(about_spans(answer, EVA), about_class(answer, "B"), {"text": "Hm"})
    assert [doc.text for doc in docs] == ["Hm"]
    assert docs.rejected == 2


def test_a_complete_row_that_was_rejected_is_left_out(stream):
    docs = stream(
        about_spans("reject", EVA, _view_id="ner_manual", _is_binary=False), {"text": "a"}
    )
    assert len(list(docs)) == 1
    assert docs.rejected == 1


def test_contradictions_are_left_out_and_listed(stream):
    docs = stream(
        about_spans("accept", EVA),
        about_spans("reject", EVA),
        about_spans("accept", OSLO),
        about_spans("accept", TOWN),
        about_class("accept", "B"),
        about_class("reject", "B"),
        about_class("accept", "A"),
    )
    (doc,) = docs
    assert iob(doc) == [""] * 4 and not doc.spans
    assert doc.cats == {"A": 1.0}
    (remarked,) = docs.remarks.values()
    assert remarked.records == 3
    assert remarked.listed == [
        "'Eva' PER accepted (line 1), rejected (line 2)",
        f"class 'B' of '{TEXT}' accepted (line 5), rejected (line 6)",
        "'Oslo' LOC (line 3) overlaps 'Oslo Town' LOC (line 4), both accepted",
    ]


def test_answers_on_other_tokens_stay_apart(read):
    one = about_spans("accept", EVA, tokens=["Eva", "saw", "Oslo", "Town"])
    other = about_spans("accept", TOWN, tokens=["Eva", "saw", "Oslo Town"])
    without = about_spans("accept", OSLO)
    docs = read(one, other, without)
    assert [iob(doc) for doc in docs] == [["B-PER", "", "B-LOC", ""], ["", "", "B-LOC"]]


def test_rejected_spans_belong_to_the_entities(read):
    rows = about_spans("reject", TOWN), about_class("accept", "B")
    (doc,) = read(*rows, layers=["ents"])
    assert rejected(doc) and not doc.cats
    (doc,) = read(*rows, layers=["cats"])
    assert doc.cats and not doc.spans


def test_questions_about_other_layers_are_said(stream):
    docs = stream(about_spans("accept", EVA, _view_id="pos"), {"text": "Hm"})
    assert [doc.text for doc in docs] == ["Hm"]
    assert any("'pos'" in what for what in docs.remarks)


# Choices

OPTIONS = [{"id": "food", "text": "Food"}, {"id": 2, "text": "Price"}, {"text": "Staff"}, "Other"]
NAMES = ["food", "2", "Staff", "Other"]


def chosen(*labels, text=TEXT, style=None, **fields):
    row = {"text": text, "options": OPTIONS, "accept": list(labels), "answer": "accept"}
    return {**row, **({"config": {"choice_style": style}} if style else {}), **fields}


def test_choices_are_a_class_group(read):
    docs = read(chosen("food", 2), chosen(), {"text": "Hm"}, group_name="topic")
    assert docs[0].cats == {f"topic={name}": float(name in ("food", "2")) for name in NAMES}
    assert docs[1].cats == {f"topic={name}": 0.0 for name in NAMES}
    assert docs[2].cats == {}


def test_choices_beside_spans(read):
    span = {"start": 0, "end": 3, "label": "PER"}
    (doc,) = read(chosen("food", spans=[span], _view_id="blocks", _is_binary=False))
    assert iob(doc) == ["B-PER", "O", "O", "O"]
    assert doc.cats["food"] == 1.0


def test_choices_in_a_question(read):
    row = about_spans("accept", EVA, options=["A", "B"], accept=["B"])
    docs = read(row, {**row, "answer": "reject"})
    assert [iob(doc) for doc in docs] == [["B-PER", "", "", ""]]
    assert docs[0].cats == {"A": 0.0, "B": 1.0}


def test_one_choice_of_several(read):
    docs = read(chosen("Staff", style="single"), chosen(style="single"), chosen(style="multiple"))
    assert docs[0].cats == {name: float(name == "Staff") for name in NAMES}
    assert docs[1].cats == {}
    assert docs[2].cats == dict.fromkeys(NAMES, 0.0)


@pytest.mark.parametrize("config", [{}, {"config": {"choice_style": "multiple"}}])
def test_one_choice_of_several_as_the_row_itself_says(config, read):
    docs = read(chosen("Staff", choice_style="single", **config), chosen(choice_style="single"))
    assert [len(doc.cats) for doc in docs] == [4, 0]
    assert next(iter(read(chosen("food", 2, choice_style="multiple")))).cats["2"] == 1.0


def test_choices_are_compared_without_blanks_and_as_numbers(read):
    docs = read(
        chosen("a\u00a0", options=["a", "b "]),
        chosen(1.0, 2, options=[{"id": 1}, {"id": 2.0}, {"id": 3}]),
    )
    assert docs[0].cats == {"a": 1.0, "b": 0.0}
    assert list(docs[1].cats.values()) == [1.0, 1.0, 0.0]


@pytest.mark.parametrize("null", [None, {"id": None}, float("nan"), {"id": float("nan")}])
def test_options_and_choices_that_are_null(null, read):
    docs = read(chosen("a", options=["a", "b", null]), chosen(None, options=["a", null]))
    assert [doc.cats for doc in docs] == [{"a": 1.0, "b": 0.0}, {}]


@pytest.mark.parametrize("answer", ["reject", "ignore"])
def test_choices_that_were_not_accepted_are_left_out(answer, stream):
    docs = stream(chosen("food", answer=answer), {"text": "Hm"})
    assert [doc.text for doc in docs] == ["Hm"]
    assert docs.rejected == 1


def test_only_the_options_of_the_row_are_known(read):
    docs = read(chosen("food"), chosen("Wine", options=["Wine", "Beer"]))
    assert docs[1].cats == {"Wine": 1.0, "Beer": 0.0}


def test_rows_that_were_not_answered_say_nothing(read):
    (doc,) = read({"text": TEXT, "options": OPTIONS})
    assert doc.cats == {}


def test_accepted_labels_without_options(read):
    docs = read({"text": "a", "accept": ["x"]}, {"text": "b", "accept": []}, {"text": "c"})
    assert [doc.cats for doc in docs] == [{"x": 1.0}, {"x": 0.0}, {}]


def test_choices_as_a_group_that_was_asked_for(stream):
    docs = stream(chosen("food", label="x"), cats_from=["accept", "label"])
    (doc,) = docs
    assert doc.cats == {"label=x": 1.0, **{f"accept={n}": float(n == "food") for n in NAMES}}
    assert not docs.absent_groups
    assert next(stream(chosen("food", label="x"), cats_from=["label"])).cats == {"label=x": 1.0}


@pytest.mark.parametrize(
    "row, message",
    [
        (chosen("wine"), "ids of the 'options' (food, 2, Staff, Other), got wine"),
        (chosen("food", 2, style="single"), "Expected one choice"),
        (chosen("food", 2, choice_style="single"), "Expected one choice"),
        (chosen("food", label="x"), "--cats-from"),
        (chosen("food", options=[{"html": "x"}]), "Expected a label"),
        (chosen("food", cats={"x": 1.0}), "got both"),
        (about_spans("accept", EVA, _is_binary="yes"), "true or false in '_is_binary'"),
    ],
)
def test_errors(row, message, read):
    with pytest.raises(FormatError) as error:
        read(row)
    assert message in str(error.value)


def test_answers_in_other_words_leave_nothing_out(write, nlp):
    rows = '{"text": "Fine", "label": "x", "answer": "yes"}\n{"text": "Odd", "answer": "no"}\n'
    docs = read_docs(write("a.jsonl", rows), nlp)
    assert [(doc.text, doc.cats) for doc in docs] == [("Fine", {"x": 1.0}), ("Odd", {})]
    assert docs.rejected == 0
    (said,) = docs.remarks
    assert said.startswith("field 'answer' was not used (--cats-from answer or, if it is a layer")
