"""Values of documents from every format."""

import json
from typing import Any

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_mtl.corpora import convert_file, read_docs
from spacy_mtl.corpora.stored import stored_docs
from spacy_mtl.errors import FormatError, MTLError
from spacy_mtl.values import values_of

CSV = """text,topic,stars,place
Fine,food,4,2
Bad,hotel,-1,1
So,food,,
Well,hotel,NA,4.5
"""


def values(path: Any, nlp: Any, **options: Any) -> list[dict[str, float]]:
    return [values_of(doc) for doc in read_docs(path, nlp, **options)]


def lines(*rows: dict[str, Any]) -> str:
    return "\n".join(map(json.dumps, rows))


def test_columns(write, nlp):
    path = write("a.csv", CSV)
    docs = read_docs(path, nlp, cats_from=["topic"], values_from=["stars", "place"])
    found = list(docs)
    assert [values_of(doc) for doc in found] == [
        {"stars": 4.0, "place": 2.0},
        {"stars": -1.0, "place": 1.0},
        {},
        {"place": 4.5},
    ]
    assert found[0].cats == {"topic=food": 1.0, "topic=hotel": 0.0, "stars": 4.0, "place": 2.0}
    assert found[2].cats == {"topic=food": 1.0, "topic=hotel": 0.0}
    assert docs.remarks["'NA' as stars was taken as missing (--missing '' keeps it)"].records == 1
    assert not any("not used" in what for what in docs.remarks) and not docs.absent_groups


def test_what_stands_for_a_missing_value_can_be_said(write, nlp):
    path = write("a.csv", "text,stars\na,-1\nb,-1.0\nc,x\n")
    assert values(path, nlp, values_from=["stars"], missing=["-1", "x"]) == [{}, {}, {}]
    path = write("b.csv", "text,stars\na,-1\nb,2\n")
    assert values(path, nlp, values_from=["stars"], missing=[]) == [{"stars": -1.0}, {"stars": 2.0}]


@pytest.mark.parametrize("text", ["four", "4 of 5", "4;5", "inf", "1e999", "1_000", "True"])
def test_text_that_is_no_number(write, nlp, text):
    path = write("a.csv", f"text,stars\nFine,4\nBad,{text}\n")
    message = f":3: Expected a number as the value of 'stars', got '{text}'"
    with pytest.raises(FormatError, match=message):
        values(path, nlp, values_from=["stars"])
    docs = read_docs(path, nlp, values_from=["stars"], on_error=lambda error: None)
    assert [values_of(doc) for doc in docs] == [{"stars": 4.0}] and docs.errors == 1


@pytest.mark.parametrize("text, value", [("4.50", 4.5), (" 3 ", 3.0), ("+2", 2.0), ("1e2", 100.0)])
def test_ways_to_write_a_number(write, nlp, text, value):
    assert values(write("a.csv", f"text,stars\na,{text}\n"), nlp, values_from=["stars"]) == [
        {"stars": value}
    ]


def test_a_column_that_is_not_there(write, nlp):
    with pytest.raises(FormatError, match="one column 'star' in the header, got text, topic, .*"):
        values(write("a.csv", CSV), nlp, values_from=["star"])


def test_a_column_of_labels_can_be_values(write, nlp):
    """As datasets have a number of stars in `label`."""
    path = write("a.csv", "text,label\na,4\nb,0\n")
    docs = list(read_docs(path, nlp, values_from=["label"]))
    assert [doc.cats for doc in docs] == [{"label": 4.0}, {"label": 0.0}]
    rows = lines({"text": "a", "label": 4}, {"text": "b", "label": 0})
    docs = list(read_docs(write("a.jsonl", rows), nlp, values_from=["label"]))
    assert [doc.cats for doc in docs] == [{"label": 4.0}, {"label": 0.0}]
    names = write("names.txt", "one\ntwo\nthree\nfour\nfive\n")
    docs = list(read_docs(write("a.jsonl", rows), nlp, values_from=["label"], names=names))
    assert docs[0].cats == {"label": 4.0}


def test_a_name_is_of_classes_or_of_values(write, nlp):
    with pytest.raises(MTLError, match="either classes .* got topic as both"):
        values(write("a.csv", CSV), nlp, cats_from=["topic"], values_from=["topic", "stars"])


def test_fields(write, nlp):
    rows = [
        {"text": "a", "stars": 4, "label": "x"},
        {"text": "b", "stars": "3.5", "values": {"heat": 1}},
        {"text": "c", "stars": None, "values": {"heat": None}},
        {"text": "d", "values": {"stars": 2, "heat": 0.5}},
        {"text": "e", "cats": {"stars": 5, "y": 1}},
    ]
    docs = read_docs(write("a.jsonl", lines(*rows)), nlp, values_from=["stars"])
    found = list(docs)
    assert [values_of(doc) for doc in found] == [
        {"stars": 4.0},
        {"heat": 1.0, "stars": 3.5},
        {},
        {"stars": 2.0, "heat": 0.5},
        {"stars": 5.0},
    ]
    assert found[4].cats == {"y": 1.0, "stars": 5.0} and not docs.remarks


def test_a_field_of_the_name_that_is_something_else(write, nlp):
    path = write("a.jsonl", lines({"text": "a", "values": ["x"], "label": "y"}))
    docs = read_docs(path, nlp)
    assert any(what.startswith("field 'values' was not used") for what in docs.remarks)
    assert [values_of(doc) for doc in docs] == [{}]
    path = write("b.jsonl", lines({"text": "a", "values": 4}))
    assert values(path, nlp, values_from=["values"]) == [{"values": 4.0}]


@pytest.mark.parametrize("value", [True, [4], {"stars": 4}])
def test_fields_that_are_no_numbers(write, nlp, value):
    with pytest.raises(FormatError, match=":1: Expected a number as the value of 'stars', got"):
        values(write("a.jsonl", lines({"text": "a", "stars": value})), nlp, values_from=["stars"])


def test_a_class_that_is_no_class_leads_to_the_option(write, nlp):
    with pytest.raises(FormatError, match="got 4. If it is a value, .* say --values-from"):
        values(write("a.jsonl", lines({"text": "a", "cats": {"stars": 4}})), nlp)


def test_a_key_that_is_a_class_too(write, nlp):
    path = write("a.jsonl", lines({"text": "a", "label": "stars", "stars": 4}))
    with pytest.raises(FormatError, match="'stars' in doc.cats to be a class or a value, got both"):
        values(path, nlp, values_from=["stars"])
    docs = list(read_docs(path, nlp, values_from=["stars"], group_name="kind"))
    assert docs[0].cats == {"kind=stars": 1.0, "stars": 4.0}


def conllu(*comments: str) -> str:
    row = "\t".join(["1", "Hm", "_", "INTJ", *"______"])
    return "".join(f"{comment}\n{row}\n\n" for comment in comments)


def test_comments(write, nlp):
    text = conllu("# newdoc id = 1\n# stars = 4", "# sent_id = 2", "# newdoc id = 2\n# stars = -1")
    path = write("a.conllu", text)
    assert values(path, nlp, values_from=["stars"]) == [
        {"stars": 4.0},
        {"stars": 4.0},
        {"stars": -1.0},
    ]
    assert values(path, nlp, values_from=["stars"], group=0) == [{"stars": 4.0}, {"stars": -1.0}]
    assert "not used (--cats-from stars or --values-from stars)" in str(
        [*read_docs(path, nlp).remarks]
    )


def test_sentences_of_a_document_with_different_values(write, nlp):
    path = write("a.conllu", conllu("# stars = 4", "# stars = 5"))
    assert values(path, nlp, values_from=["stars"]) == [{"stars": 4.0}, {"stars": 5.0}]
    with pytest.raises(FormatError, match="one value of 'stars' for the sentences of a Doc, got 4"):
        values(path, nlp, values_from=["stars"], group=2)


def test_comments_of_columns(write, nlp):
    path = write("a.conll", "# stars = 3\nAna O\nleft O\n\n# stars = x\nHm O\n")
    with pytest.raises(FormatError, match=":6: .* got 'x'"):
        values(path, nlp, columns=["form", "ner"], values_from=["stars"])
    path = write("b.iob", "# stars = 3\nAna|O left|O\n")
    assert values(path, nlp, values_from=["stars"]) == [{"stars": 3.0}]


def test_label_studio(write, nlp):
    def result(name: str, kind: str, value: Any) -> dict[str, Any]:
        return {"from_name": name, "type": kind, "value": {kind: value}}

    results = [
        result("stars", "rating", 4),
        result("heat", "number", 0.5),
        result("mood", "choices", ["glad"]),
    ]
    tasks = [{"data": {"text": "Fine"}, "annotations": [{"result": results}]}]
    path = write("a.json", json.dumps(tasks))
    (doc,) = read_docs(path, nlp, values_from=["stars", "heat"])
    assert values_of(doc) == {"stars": 4.0, "heat": 0.5} and doc.cats["glad"] == 1.0
    assert "results of the type 'rating' were not used" in read_docs(path, nlp).remarks
    rows = [{"text": "Fine", "annotation_id": 1, "stars": 4}]
    path = write("b.json", json.dumps(rows))
    assert values(path, nlp, values_from=["stars"]) == [{"stars": 4.0}]


def test_layers_can_be_left_out(write, nlp):
    path = write("a.csv", CSV)
    options: dict[str, Any] = {"cats_from": ["topic"], "values_from": ["stars"]}
    (doc, *_) = read_docs(path, nlp, layers=["cats"], **options)
    assert doc.cats == {"topic=food": 1.0, "topic=hotel": 0.0}
    (doc, *_) = read_docs(path, nlp, layers=["values"], **options)
    assert doc.cats == {"stars": 4.0}


def test_names_that_no_document_has(write, nlp):
    path = write("a.jsonl", lines({"text": "a", "label": "x"}))
    assert read_docs(path, nlp, values_from=["stars"]).absent_groups == ("stars",)


def test_values_that_are_only_0_and_1_are_known_in_the_file(write, tmp_path, nlp):
    """As somebody has named them."""
    source = write("a.csv", "text,helpful,label\na,1,x\nb,0,y\n")
    done = convert_file(source, tmp_path / "a.spacy", nlp, values_from=["helpful"])
    assert done.units["values"] == done.units["cats"] == 2
    docs = [*stored_docs(tmp_path / "a.spacy", spacy.blank("en").vocab)]
    assert [values_of(doc) for doc in docs] == [{"helpful": 1.0}, {"helpful": 0.0}]
    assert [doc.cats["helpful"] for doc in docs] == [1.0, 0.0]


def test_a_file_without_values_is_saved_as_before(write, tmp_path, nlp):
    convert_file(write("a.csv", "text,label\na,x\n"), tmp_path / "a.spacy", nlp)
    assert DocBin().from_disk(tmp_path / "a.spacy").user_data == [None]
