"""Whole public corpora, where SPACY_MTL_DATA names a folder that has them."""

import os
from pathlib import Path

import pytest

from spacy_mtl.corpora import count_units, read_docs

DATA = Path(os.environ.get("SPACY_MTL_DATA", "not set"))

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="needs gum/, ewt/ and snips/ in the folder SPACY_MTL_DATA"
)

TOKENS = {"tag", "pos", "morph", "lemma", "dep", "sents"}


@pytest.mark.parametrize(
    "name, n_docs, n_tokens, layers",
    [
        ("gum/dev.conllu", 146, 23_909, TOKENS | {"ents", "cats"}),
        ("gum/test.conllu", 140, 23_991, TOKENS | {"ents", "cats"}),
        ("ewt/train_entities.conllu", 264, 16_545, {"ents", "sents"}),
        ("ewt/dev.conllu", 132, 8_602, TOKENS | {"ents", "cats"}),
        ("ewt/test.conllu", 403, 25_094, TOKENS | {"ents", "cats"}),
    ],
)
def test_ten_sentences_to_a_doc(nlp, name, n_docs, n_tokens, layers):
    docs = list(read_docs(DATA / name, nlp, cats_from=["genre"], group=10))
    assert len(docs) == n_docs
    assert sum(map(len, docs)) == n_tokens
    for doc in docs:
        labelled = {layer: n for layer, n in count_units(doc).items() if n}
        if "lemma" in layers:  # parts of a word that is written apart have none
            assert 0.8 * len(doc) <= labelled.pop("lemma") <= len(doc)
        there = layers if len(doc) > 1 else layers - {"sents"}  # which a single token does not say
        assert labelled == {
            layer: 1 if layer == "cats" else len(doc) for layer in there - {"lemma"}
        }
        assert sum(1 for _ in doc.sents) <= 10
        assert sum(doc.cats.values()) == (1.0 if "cats" in layers else 0.0)


@pytest.mark.parametrize("name, n_docs", [("valid", 700), ("test", 700)])
def test_utterances_with_intents_and_slots(nlp, name, n_docs):
    docs = list(read_docs(DATA / "snips" / f"{name}.jsonl", nlp))
    assert len(docs) == n_docs
    assert all(len(doc.cats) == 7 and sum(doc.cats.values()) == 1.0 for doc in docs)
    assert all(count_units(doc)["ents"] == len(doc) for doc in docs)
