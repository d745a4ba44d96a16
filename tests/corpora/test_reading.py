import logging

import catalogue
import pytest

from spacy_mtl.corpora import present_layers, read_docs
from spacy_mtl.corpora.formats import format_names
from spacy_mtl.corpora.records import Record
from spacy_mtl.errors import FormatError, MTLError

from .helpers import CONLLU, ents, tags

BROKEN = '{"text": "a", "label": "x"}\n{\n{"text": "b", "label": 1.5}\n{"text": ""}\n'


@pytest.mark.parametrize(
    "layers", [{"tag"}, {"ents", "cats"}, {"pos", "morph"}, {"tag", "pos", "morph", "ents", "cats"}]
)
def test_only_the_chosen_layers_are_written(write, nlp, layers):
    path = write("a.conllu", CONLLU)
    docs = list(read_docs(path, nlp, cats_from=["genre"], layers=layers, group=0))
    # tokens come with their sentences, of which a Doc of one token says nothing
    assert [present_layers(doc) for doc in docs] == [layers | {"sents"}, layers]


def test_chosen_layers_must_be_there(write, nlp):
    path = write("a.conllu", CONLLU)
    with pytest.raises(FormatError, match="got one with dep, ents, .*, tag. Leave out cats"):
        read_docs(path, nlp, layers=["tag", "cats"])
    with pytest.raises(MTLError, match="Expected a layer out of .* got 'ner'"):
        read_docs(path, nlp, layers=["ner"])


def test_a_vocab_is_enough_for_tokens(write, nlp):
    first, *_ = read_docs(write("a.conllu", CONLLU), nlp.vocab)
    assert tags(first) == ["NNP", "VBD", "NNP", "."]


def test_stop_raises_the_first_error_before_any_doc(write, nlp):
    with pytest.raises(FormatError) as caught:
        read_docs(write("a.jsonl", BROKEN), nlp)
    assert caught.value.line == 2


def test_skip_logs_and_counts(write, nlp, caplog):
    with caplog.at_level(logging.WARNING, logger="spacy_mtl"):
        docs = read_docs(write("a.jsonl", BROKEN), nlp, on_error="skip")
        assert [doc.text for doc in docs] == ["a", "b"]
    assert docs.errors == 2
    assert len(caplog.records) == 2
    assert "a.jsonl:4: Expected a text" in caplog.text


def test_a_function_gets_the_errors(write, nlp):
    errors: list[FormatError] = []
    list(read_docs(write("a.jsonl", BROKEN), nlp, on_error=errors.append))
    assert [error.line for error in errors] == [2, 4]


def test_rejected_records_are_counted(write, nlp):
    text = '{"text": "a"}\n{"text": "b", "answer": "reject"}\n'
    docs = read_docs(write("a.jsonl", text), nlp)
    assert len(list(docs)) == 1
    assert docs.rejected == 1


@pytest.mark.parametrize("name", ["a.conllu", "a.iob2", "a.jsonl"])
@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file(write, nlp, name, text):
    with pytest.raises(FormatError, match=f"{name}: Expected at least one sentence or document"):
        list(read_docs(write(name, text), nlp))


def test_nothing_left(write, nlp):
    with pytest.raises(FormatError, match=r"got none \(1 with errors, 0 rejected\)"):
        list(read_docs(write("a.jsonl", "{"), nlp, on_error="skip"))


def test_format_by_suffix_by_columns_and_by_name(write, nlp):
    for name, options in [
        ("a.conllu", {}),
        ("a.CoNLLU", {}),
        ("a.txt", {"format": "conllu"}),
    ]:
        assert len(list(read_docs(write(name, CONLLU), nlp, **options))) == 3
    (doc,) = read_docs(write("b.txt", "Rio B-LOC\n"), nlp, columns=["form", "ner"])
    assert ents(doc) == [("Rio", "LOC")]


def test_a_format_of_ones_own(write, nlp, monkeypatch):
    def read(path, options):
        for line, text in enumerate(path.read_text("utf8").splitlines(), start=1):
            words, tags = zip(*(pair.split("/") for pair in text.split()), strict=True)
            yield Record(line, words=list(words), tags=list(tags))

    monkeypatch.setitem(catalogue.REGISTRY, ("spacy", "mtl_formats", "slashes"), read)
    docs = list(read_docs(write("a.txt", "Ana/NNP saw/VBD\nBo/NNP\n"), nlp, format="slashes"))
    assert [[(t.text, t.tag_) for t in doc] for doc in docs] == [
        [("Ana", "NNP"), ("saw", "VBD")],
        [("Bo", "NNP")],
    ]
    assert "slashes" in format_names()


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, r"ends in \.ann, .* got a\.txt\. Name its format"),
        ({"format": "xml"}, f"out of auto, {', '.join(format_names())}, got 'xml'"),
        ({"format": "conllu", "group": -1}, "0 or more sentences .* got -1"),
        ({"format": "conllu", "on_error": "ignore"}, "'stop', 'skip' or a function"),
    ],
)
def test_wrong_arguments(write, nlp, options, message):
    with pytest.raises(MTLError, match=message):
        read_docs(write("a.txt", CONLLU), nlp, **options)
