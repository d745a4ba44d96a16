"""Labels that are blank around, or that say that there is none, in every format."""

import json

import pytest

from spacy_mtl.corpora import read_docs
from spacy_mtl.corpora.labels import strip_blanks
from spacy_mtl.errors import FormatError

from .helpers import ents, iob, tags

BLANKS = [" ", "\t", "\u00a0", "\u2003", "\u3000", "\u200b", "\ufeff", " \u00a0 "]


@pytest.fixture
def read(write, nlp):
    """Reads a file, given as text or as the objects of JSONL, and keeps what was remarked."""

    def read(name, *source, **options):
        lines = [s if isinstance(s, str) else json.dumps(s, ensure_ascii=False) for s in source]
        docs = read_docs(write(name, "\n".join(lines) + "\n"), nlp, **options)
        return list(docs), {what: seen.records for what, seen in docs.remarks.items()}

    return read


@pytest.mark.parametrize("blank", BLANKS)
def test_blanks(blank):
    assert strip_blanks(f"{blank}a{blank}b{blank}") == f"a{blank}b"


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u3000"])
def test_no_blanks_around_any_label_of_jsonl(read, blank):
    row = {
        "text": "Ana left",
        "tokens": ["Ana", "left"],
        "tags": [f"NNP{blank}", f"{blank}VBD"],
        "pos": [f"PROPN{blank}", "VERB"],
        "morphs": [f"{blank}Number=Sing", "_ "],
        "ner_tags": [f"B-{blank}PER{blank}", f"O{blank}"],
        "spans": {f"sc{blank}": [[0, 3, f"{blank}X"]], "sc": [[4, 8, "Y"]]},
        "labels": ["a", f"a{blank}", f"{blank}b"],
    }
    (doc,), _ = read("a.jsonl", row)
    assert tags(doc) == ["NNP", "VBD"]
    assert [token.pos_ for token in doc] == ["PROPN", "VERB"]
    assert [str(token.morph) for token in doc] == ["Number=Sing", ""]
    assert iob(doc) == ["B-PER", "O"]
    assert [span.label_ for span in doc.spans["sc"]] == ["X", "Y"]
    assert doc.cats == {"a": 1.0, "b": 1.0}


def test_no_blanks_around_entities_and_categories(read):
    row = {"text": "Ana", "entities": [[0, 3, "PER\u00a0"]], "cats": {"good ": 1, " bad": 0}}
    (doc,), _ = read("a.jsonl", row)
    assert (ents(doc), doc.cats) == ([("Ana", "PER")], {"good": 1.0, "bad": 0.0})


def test_categories_that_contradict_each_other(read):
    with pytest.raises(FormatError, match="one value of the category 'a', got 1.0 and 0.0"):
        read("a.jsonl", {"text": "Ana", "cats": {"a": 1, "a ": 0}})


def test_no_blanks_around_columns(read):
    (doc,), _ = read(
        "a.conll", "Ana\t NNP\tB-PER\u00a0", "left\tVBD \tO", columns=["form", "tag", "ner"]
    )
    assert (tags(doc), iob(doc)) == (["NNP", "VBD"], ["B-PER", "O"])


def test_no_blanks_around_conllu(read):
    row = "1\tAna\t_\tPROPN\u00a0\tNNP \tNumber=Sing \t_\t_\t_\tNER= B-PER  "
    (doc,), _ = read("a.conllu", "# mood = glad\u00a0", row, cats_from=["mood"])
    assert (tags(doc), ents(doc), doc.cats) == (["NNP"], [("Ana", "PER")], {"mood=glad": 1.0})
    assert (doc[0].pos_, str(doc[0].morph)) == ("PROPN", "Number=Sing")


def test_no_blanks_around_csv_and_words_as_they_are(read):
    docs, _ = read("a.csv", "text,label", " Fine\u00a0,good\u00a0", "Bad, good", "Hm,\u00a0")
    assert [doc.cats for doc in docs] == [{"good": 1.0}, {"good": 1.0}, {}]
    assert docs[0].text == " Fine\u00a0"


@pytest.mark.parametrize("value", [None, float("nan"), -1, -1.0, "-1", "NA", "N/A", "nan", "None"])
def test_missing_classes_of_jsonl(read, value):
    docs, _ = read("a.jsonl", {"text": "Hm", "label": 1}, {"text": "So", "label": value})
    assert [doc.cats for doc in docs] == [{"1": 1.0}, {}]


def test_missing_classes_are_counted_with_the_option_that_keeps_them(read):
    rows = [{"text": "Hm", "label": label} for label in (0, -1, -1, "NA")]
    docs, remarks = read("a.jsonl", *rows)
    assert [doc.cats for doc in docs] == [{"0": 1.0}, {}, {}, {}]
    assert remarks == {
        "'-1' as label was taken as missing (--missing '' keeps it)": 2,
        "'NA' as label was taken as missing (--missing '' keeps it)": 1,
    }


def test_missing_values_are_chosen(read):
    rows = ["text\tlabel", "Hm\tNA", "So\tunk", "Oh\t", "No\tnone"]
    docs, _ = read("a.tsv", *rows, missing=[])
    assert [len(doc.cats) for doc in docs] == [3, 3, 0, 3]
    docs, remarks = read("a.tsv", *rows, missing=["unk"])
    assert [len(doc.cats) for doc in docs] == [2, 0, 0, 2]
    assert [*remarks] == ["'unk' as label was taken as missing (--missing '' keeps it)"]


def test_missing_values_of_a_list(read):
    rows = [{"text": "a", "labels": labels} for labels in (["x", None], [], [None], ["NA"])]
    docs, _ = read("a.jsonl", *rows)
    assert [doc.cats for doc in docs] == [{"x": 1.0}, {"x": 0.0}, {}, {}]


def test_missing_categories(read):
    row = '{"text": "a", "cats": {"x": NaN, "y": null, "z": -1, "w": 1}}'
    (doc,), remarks = read("a.jsonl", row)
    assert doc.cats == {"w": 1.0}
    assert remarks == {
        "NaN in 'cats' was taken as missing": 1,
        "-1 in 'cats' was taken as missing": 1,
    }
    with pytest.raises(FormatError, match="a number from 0 to 1 for 'z'"):
        read("a.jsonl", row, missing=[])


def test_missing_labels_of_tokens_but_never_words(read):
    (doc,), remarks = read(
        "a.conll", "NA NA NA", "None NN O", "-1 CD -1", columns=["form", "tag", "ner"]
    )
    assert [token.text for token in doc] == ["NA", "None", "-1"]
    assert (tags(doc), iob(doc)) == (["", "NN", "CD"], ["", "O", ""])
    assert sum(remarks.values()) == 3
    (doc,), _ = read("a.jsonl", {"tokens": ["a", "b"], "tags": [-1, "X"], "ner_tags": ["O", None]})
    assert (tags(doc), iob(doc)) == (["", "X"], ["O", ""])


def test_missing_classes_of_comments(read):
    row = "1\tHm" + "\t_" * 8
    docs, _ = read("a.conllu", "# mood = N/A", row, "", "# mood = sad", row, cats_from=["mood"])
    assert [doc.cats for doc in docs] == [{}, {"mood=sad": 1.0}]


def test_a_number_is_the_same_in_both_notations(read):
    docs, remarks = read("a.csv", "text,label", "a,1", "b,1.0", "c,0.0", "d,2.5")
    assert [doc.cats for doc in docs[:2]] == [{"0": 0.0, "1": 1.0, "2.5": 0.0}] * 2
    assert docs[2].cats["0"] == docs[3].cats["2.5"] == 1.0
    assert remarks == {"numbers as label were read as whole ones": 2}


def test_a_number_is_a_name_beside_names(read):
    docs, remarks = read("a.csv", "text,label", "a,1", "b,1.0", "c,beta")
    assert [sorted(doc.cats) for doc in docs] == [["1", "1.0", "beta"]] * 3
    assert not remarks


def test_classes_that_were_judged_one_by_one(read):
    options = [{"id": "good "}, {"id": "NA"}, {"id": "bad"}]
    row = {"text": "Hm", "options": options, "accept": ["good "], "answer": "accept"}
    (doc,), _ = read("a.jsonl", row)
    assert doc.cats == {"good": 1.0, "bad": 0.0}


@pytest.mark.parametrize("value", ["NA", " nan\u00a0", "None", "-1"])
def test_texts_that_say_a_category_is_missing(value, read):
    row = {"text": "a", "cats": {"x": value, "y": 1}}
    (doc,), remarks = read("a.jsonl", row)
    assert doc.cats == {"y": 1.0}
    assert remarks == {f"{json.dumps(value, ensure_ascii=False)} in 'cats' was taken as missing": 1}
    with pytest.raises(FormatError, match="a number from 0 to 1 for 'x'"):
        read("a.jsonl", row, missing=[])


def test_entity_tags_whose_label_is_missing(read):
    rows = "Ana B-NA", "Bo I-NA", "saw O", "Rio B-LOC", "Po B--1"
    (doc,), remarks = read("a.conll", *rows, columns=["form", "ner"])
    assert iob(doc) == ["", "", "O", "B-LOC", ""]
    assert sum(remarks.values()) == 3
    (doc,), _ = read("a.conll", *rows, columns=["form", "ner"], missing=[])
    assert ents(doc) == [("Ana Bo", "NA"), ("Rio", "LOC"), ("Po", "-1")]


def test_a_missing_label_is_not_outside(read):
    row = {"tokens": ["a", "b", "c", "d"], "ner_tags": ["B-NA", "-1", None, "B-X"]}
    (doc,), _ = read("a.jsonl", row, outside=True)
    assert iob(doc) == ["", "", "O", "B-X"]


@pytest.mark.parametrize("label", ["NA", "-1.0", -1, ["NA"]])
@pytest.mark.parametrize("answer", ["accept", "reject"])
def test_a_question_about_a_missing_class(answer, label, read):
    question = {"text": "a", "label": label, "answer": answer, "_is_binary": True}
    docs, remarks = read("a.jsonl", question, {**question, "text": "b", "label": "x"})
    assert [doc.cats for doc in docs] == [{}, {"x": float(answer == "accept")}]
    assert [*remarks.values()] == [1]
    docs, remarks = read("a.jsonl", question, missing=[])
    assert len(docs[0].cats) == 1 and not any("missing" in what for what in remarks)


@pytest.mark.parametrize("style", ["single", "multiple"])
def test_of_a_choice_that_is_missing_nothing_is_known(style, read):
    def choice(*labels):
        row = {"text": "a", "options": [{"id": "x"}, {"id": "NA"}, {"id": -1}], "answer": "accept"}
        return {**row, "accept": labels, "choice_style": style}

    docs, remarks = read("a.jsonl", choice("NA"), choice(-1), choice("x"))
    assert [doc.cats for doc in docs] == [{}, {}, {"x": 1.0}]
    assert remarks == {
        "'NA' as label was taken as missing (--missing '' keeps it)": 3,
        "'-1' as label was taken as missing (--missing '' keeps it)": 3,
    }
    docs, _ = read("a.jsonl", choice("NA"), missing=[])
    assert docs[0].cats == {"x": 0.0, "NA": 1.0, "-1": 0.0}


def test_a_missing_choice_beside_another(read):
    row = {"text": "a", "options": ["x", "y", "NA"], "accept": ["NA", "y"], "answer": "accept"}
    (doc,), _ = read("a.jsonl", row)
    assert doc.cats == {"x": 0.0, "y": 1.0}
