"""Lemmas, dependency parses and sentences, from every format that has them."""

import json
from pathlib import Path

import pytest
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_mtl.corpora import convert_file, present_layers, read_docs
from spacy_mtl.errors import FormatError

from .helpers import CONLLU, sentences, tabbed

PARSED = {"dep", "lemma", "sents"}


def parse(doc: Doc) -> list[tuple[str, int, str]]:
    return [(token.lemma_, token.head.i, token.dep_) for token in doc]


def stored(path: Path) -> list[Doc]:
    return list(DocBin().from_disk(path).get_docs(Vocab()))


def test_conllu(write, nlp):
    first, second, third = read_docs(write("a.conllu", CONLLU), nlp)
    assert parse(first) == [
        ("Ana", 1, "nsubj"),
        ("see", 1, "ROOT"),
        ("Rio", 1, "obj"),
        (".", 1, "punct"),
    ]
    assert parse(second) == [("nice", 0, "ROOT")]
    assert present_layers(first) >= PARSED
    assert present_layers(third) & PARSED == {"dep", "lemma"}  # a token alone begins a sentence


def test_heads_are_those_of_their_sentence(write, nlp, tmp_path):
    convert_file(write("a.conllu", CONLLU), tmp_path / "a.spacy", nlp, group=2)
    joined, _ = stored(tmp_path / "a.spacy")
    assert [head for _, head, _ in parse(joined)] == [1, 1, 1, 1, 4]
    assert sentences(joined) == ["Ana saw Rio.", "Nice"]


def test_multiword_tokens_and_empty_nodes(write, nlp):
    rows = """1-2 du _ _ _ _ _ _ _ _
1 de de ADP _ _ 3 case _ _
2 le le DET _ _ 3 det _ _
3 chat chat NOUN _ _ 0 root _ _
3.1 est être AUX _ _ _ _ 3:x _
4 noir noir ADJ _ _ 3 amod _ _"""
    (doc,) = read_docs(write("a.conllu", tabbed(rows)), nlp)
    assert parse(doc) == [
        ("de", 2, "case"),
        ("le", 2, "det"),
        ("chat", 2, "ROOT"),
        ("noir", 2, "amod"),
    ]


def test_what_is_missing_stays_so(write, nlp):
    rows = """1 a _ X _ _ 2 det _ _
2 _ _ PUNCT _ _ 0 root _ _
3 b nan X _ _ _ dep _ _
4 c None X _ _ 2 _ _ _"""
    (doc,) = read_docs(write("a.conllu", tabbed(rows)), nlp)
    assert parse(doc) == [("", 1, "det"), ("_", 1, "ROOT"), ("nan", 2, ""), ("None", 3, "")]


def test_a_doc_with_a_sentence_that_nobody_parsed_has_no_parse(write, nlp, tmp_path):
    rows = """1 a _ _ _ _ 2 det _ _
2 b _ _ _ _ 0 root _ _

1 c _ _ _ _ _ _ _ _
2 d _ _ _ _ _ _ _ _"""
    path = write("a.conllu", tabbed(rows))
    convert_file(path, tmp_path / "a.spacy", nlp, group=2)
    (doc,) = stored(tmp_path / "a.spacy")
    assert present_layers(doc) == {"sents"}
    assert sentences(doc) == ["a b", "c d"]
    assert [present_layers(doc) for doc in read_docs(path, nlp)] == [{"dep", "sents"}, {"sents"}]


@pytest.mark.parametrize("layers", [{"tag"}, {"lemma"}, {"dep", "pos"}])
def test_only_the_chosen_layers(write, nlp, layers):
    first, *_ = read_docs(write("a.conllu", CONLLU), nlp, layers=layers)
    assert present_layers(first) == layers | {"sents"}


@pytest.mark.parametrize(
    "head, message",
    [
        ("9", ":2: Expected as head of token 2 .* one of the 2 tokens, from 1, got 9"),
        ("x", ":2: .* got 'x'"),
        ("9" * 5000, ":2: .* got '999"),
        ("-1", ":2: .* got '-1'"),
        ("1", ":1: Expected heads that lead to a root, got a circle through token 1"),
    ],
)
def test_wrong_heads_are_told(write, nlp, head, message):
    rows = f"1 a _ NOUN _ _ 2 det _ _\n2 b _ NOUN _ _ {head} x _ _"
    path = write("a.conllu", tabbed(rows))
    with pytest.raises(FormatError) as error:
        list(read_docs(path, nlp))
    assert error.match(message)
    (doc,) = read_docs(path, nlp, layers=["pos"])  # who does not want it is not stopped by it
    assert present_layers(doc) == {"pos", "sents"}


def test_columns(write, nlp):
    rows = "a\tA\t2\tdet\nb\tB\t0\troot\n\nc\tC\t0\troot\n"
    path = write("a.conll", rows)
    (doc,) = read_docs(path, nlp, columns=["form", "lemma", "head", "dep"], group=2)
    assert parse(doc) == [("A", 1, "det"), ("B", 1, "ROOT"), ("C", 2, "ROOT")]


def test_jsonl_as_annotate_writes_it(write, nlp):
    row = {
        "text": "Ana left. He",
        "tokens": ["Ana", "left", ".", "He"],
        "lemmas": ["Ana", "leave", ".", None],
        "heads": [1, 1, 1, 3],
        "deps": ["nsubj", "root", "punct", "ROOT"],
        "sentences": [{"start": 0, "end": 9}, {"start": 10, "end": 12}],
    }
    docs = read_docs(write("a.jsonl", json.dumps(row)), nlp)
    (doc,) = docs
    assert docs.remarks == {}
    assert parse(doc) == [
        ("Ana", 1, "nsubj"),
        ("leave", 1, "ROOT"),
        (".", 1, "punct"),
        ("", 3, "ROOT"),
    ]
    assert sentences(doc) == ["Ana left.", "He"]


def test_sentences_of_a_text(write, nlp):
    row = {
        "text": "It rains. We go.",
        "sentences": [{"start": 0, "end": 9}, {"start": 10, "end": 16}],
    }
    path = write("a.jsonl", json.dumps(row))
    (doc,) = read_docs(path, nlp)
    assert sentences(doc) == ["It rains.", "We go."]
    row["sentences"] = [[0, 9], [10, 16]]
    docs = read_docs(write("pairs.jsonl", json.dumps(row)), nlp)
    assert [sentences(doc) for doc in docs] == [["It rains.", "We go."]] and not docs.remarks
    row["sentences"] = [[0, 4], [4, 16]]
    with pytest.raises(FormatError, match="sentences that begin at a token, got one at 4, behind"):
        list(read_docs(write("b.jsonl", json.dumps(row)), nlp))


@pytest.mark.parametrize(
    "field, value, why",
    [
        ("sentences", ["It rains."], "no list of [start, end] or"),
        ("sentences", [{"start": "0", "end": 1}], "no list of [start, end] or"),
        ("sentences", [[0, 9, 1]], "no list of [start, end] or"),
        ("sentences", 1, "no list of [start, end] or"),
        ("lemmas", ["it", "rain"], "no list beside 'tokens'"),
        ("lemmas", "it rain", "no list beside 'tokens'"),
        ("heads", [0, 1], "no list beside lists 'deps' and 'tokens'"),
    ],
)
def test_other_fields_of_these_names_do_not_stop_a_text(write, nlp, field, value, why):
    row = {"text": "It rains.", field: value}
    docs = read_docs(write("a.jsonl", f"{json.dumps(row)}\n" * 3), nlp)
    assert [present_layers(doc) for doc in docs] == [set()] * 3
    ((what, seen),) = docs.remarks.items()
    assert what.startswith(f"field '{field}' was not read, as it is {why}")
    assert (seen.records, seen.example) == (3, json.dumps(value))


def test_heads_without_relations_are_told(write, nlp):
    row = {"tokens": ["a", "b"], "heads": [1, 1], "lemmas": ["a", "b"]}
    docs = read_docs(write("a.jsonl", json.dumps(row)), nlp)
    assert [*docs.remarks] == [
        "field 'heads' was not read, as it is no list beside lists 'deps' and 'tokens'"
    ]


@pytest.mark.parametrize("more", [{}, {"label": "x"}])
def test_a_chosen_layer_whose_field_cannot_be_read(write, nlp, more):
    row = {"text": "It rains.", "sentences": ["It rains."], **more}
    message = "the field 'sentences' was not read, as it is no list of .* leave out sents"
    with pytest.raises(FormatError, match=message):
        read_docs(write("a.jsonl", json.dumps(row)), nlp, layers=["sents"])


@pytest.mark.parametrize(
    "heads, message",
    [
        ([2, 0], "numbers of tokens from 0, that of the token itself for a root, got 0"),
        ([5, 1], "one of the 2 tokens, from 0, got 5"),
        ([1], "Expected 2 heads, as many as there are tokens, got 1"),
    ],
)
def test_wrong_heads_in_json_are_told(write, nlp, heads, message):
    row = {"tokens": ["a", "b"], "heads": heads, "deps": ["det", "root"]}
    with pytest.raises(FormatError, match=message):
        list(read_docs(write("a.jsonl", json.dumps(row)), nlp))


def test_spacys_own_json(write, nlp):
    doc = Doc(
        nlp.vocab,
        words=["Ana", "left"],
        lemmas=["Ana", "leave"],
        heads=[1, 1],
        deps=["nsubj", "ROOT"],
    )
    (found,) = read_docs(write("a.json", json.dumps(doc.to_json())), nlp)
    assert parse(found) == parse(doc)
    assert sentences(found) == sentences(doc)
