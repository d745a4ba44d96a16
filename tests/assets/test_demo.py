"""The demonstration corpus is what its README says: aligned, balanced, no sentence twice."""

from collections import Counter
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc

from spacy_mtl.corpora import read_docs

DEMO = Path(__file__).parents[2] / "assets" / "demo"
FILES = ("tags.conllu", "entities.jsonl", "labels.csv", "dev.jsonl", "test.jsonl")
PENN = set(
    [
        "NN",
        "NNS",
        "NNP",
        "NNPS",
        "VB",
        "VBD",
        "VBG",
        "VBN",
        "VBP",
        "VBZ",
        "MD",
        "DT",
        "PDT",
        "WDT",
        "WP",
        "WP$",
        "WRB",
        "PRP",
        "PRP$",
        "IN",
        "TO",
        "RB",
        "RBR",
        "RBS",
        "RP",
        "JJ",
        "JJR",
        "JJS",
        "CC",
        "CD",
        "UH",
        "EX",
        "POS",
        "FW",
        "SYM",
        "LS",
        ".",
        ",",
        ":",
        "''",
        "``",
        "-LRB-",
        "-RRB-",
        "$",
        "HYPH",
        "NFP",
        "ADD",
        "AFX",
        "GW",
    ]
)
ENTITIES = {"PERSON", "ORG", "GPE", "PRODUCT", "DATE", "MONEY"}
SENTIMENTS = {"positive", "negative", "neutral"}
TOPICS = {"travel", "restaurants", "electronics", "films", "banking", "deliveries"}


@pytest.fixture(scope="module")
def corpus() -> dict[str, list[Doc]]:
    nlp = spacy.blank("en")
    groups = ("sentiment", "topic")
    return {
        name: list(read_docs(DEMO / name, nlp, cats_from=groups if name[-3:] == "csv" else ()))
        for name in FILES
    }


def test_size(corpus: dict[str, list[Doc]]) -> None:
    assert sum(len(docs) for docs in corpus.values()) >= 700
    assert len(corpus["dev.jsonl"]) == len(corpus["test.jsonl"]) == 80


def test_no_sentence_twice(corpus: dict[str, list[Doc]]) -> None:
    texts = Counter(" ".join(doc.text.split()) for docs in corpus.values() for doc in docs)
    assert [text for text, n in texts.items() if n > 1] == []


def test_layers(corpus: dict[str, list[Doc]]) -> None:
    layers = {
        name: (
            all(doc.has_annotation("TAG", require_complete=True) for doc in docs),
            all(doc.has_annotation("ENT_IOB", require_complete=True) for doc in docs),
            all(doc.cats for doc in docs),
        )
        for name, docs in corpus.items()
    }
    assert layers == {
        "tags.conllu": (True, False, False),
        "entities.jsonl": (False, True, False),
        "labels.csv": (False, False, True),
        "dev.jsonl": (True, True, True),
        "test.jsonl": (True, True, True),
    }


def test_tokens_are_those_of_the_tokenizer(corpus: dict[str, list[Doc]]) -> None:
    nlp = spacy.blank("en")
    for name in ("tags.conllu", "dev.jsonl", "test.jsonl"):
        for doc in corpus[name]:
            assert [t.text for t in nlp.make_doc(doc.text)] == [t.text for t in doc]


def test_tag_set(corpus: dict[str, list[Doc]]) -> None:
    for name in ("tags.conllu", "dev.jsonl", "test.jsonl"):
        assert {token.tag_ for doc in corpus[name] for token in doc} <= PENN


def test_entities(corpus: dict[str, list[Doc]]) -> None:
    counts = Counter(ent.label_ for doc in corpus["entities.jsonl"] for ent in doc.ents)
    assert set(counts) == ENTITIES
    assert min(counts.values()) >= 50
    for name in ("dev.jsonl", "test.jsonl"):
        held_out = Counter(ent.label_ for doc in corpus[name] for ent in doc.ents)
        assert set(held_out) == ENTITIES and min(held_out.values()) >= 10


@pytest.mark.parametrize("name", ["labels.csv", "dev.jsonl", "test.jsonl"])
def test_classes_are_balanced(corpus: dict[str, list[Doc]], name: str) -> None:
    keys = {f"sentiment={s}" for s in SENTIMENTS} | {f"topic={t}" for t in TOPICS}
    docs = corpus[name]
    assert all(set(doc.cats) == keys for doc in docs)
    chosen = Counter(key for doc in docs for key, value in doc.cats.items() if value == 1.0)
    for group, n in (("sentiment", 3), ("topic", 6)):
        sizes = [chosen[key] for key in keys if key.startswith(group)]
        assert sum(sizes) == len(docs)
        assert min(sizes) >= 0.8 * len(docs) / n
