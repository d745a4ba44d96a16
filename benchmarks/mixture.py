"""A mixture of corpora that share nothing, each labelled for one task."""

from __future__ import annotations

import json
from pathlib import Path

import spacy
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from spacy_mtl.corpora import blank_layer, present_layers, read_docs

from .corpora import BenchmarkCorpus, docs_of, prepare, write_docs

NAME = "mixture"
PARTS = ("train", "dev", "test")
GROUPS = {"sentiment": "customer_reviews", "subjectivity": "subj"}


def prepare_mixture(data: Path, cache: Path) -> BenchmarkCorpus:
    """Tags of `ewt`, entities of `conll04`, sentiment of `customer_reviews`, subjectivity of
    `subj`: a file each, in a folder for train, dev and test."""
    folder = cache / "corpora" / NAME
    names = ("tags", "entities", *GROUPS)
    if not all((folder / part / f"{name}.spacy").exists() for part in PARTS for name in names):
        ewt = prepare(data, cache, "ewt")
        tagged = {"train": ewt.train["tag"], "dev": ewt.dev, "test": ewt.test}
        for part in PARTS:
            docs = {
                "tags": [_only_tags(doc) for doc in docs_of(tagged[part])],
                "entities": _with_entities(data / "conll04" / f"{part}.jsonl"),
                **{
                    group: list(
                        read_docs(
                            data / corpus / f"{part}.jsonl", spacy.blank("en"), group_name=group
                        )
                    )
                    for group, corpus in GROUPS.items()
                },
            }
            for name, found in docs.items():
                write_docs(found, folder / part / f"{name}.spacy")
    train = {name: folder / "train" / f"{name}.spacy" for name in names}
    return BenchmarkCorpus(NAME, train, folder / "train", folder / "dev", folder / "test")


def _only_tags(doc: Doc) -> Doc:
    for layer in present_layers(doc) - {"tag"}:
        blank_layer(doc, layer)
    return doc


def _with_entities(path: Path) -> list[Doc]:
    vocab = spacy.blank("en").vocab
    return [_sentence(json.loads(line), vocab) for line in path.read_text("utf8").splitlines()]


def _sentence(row: dict, vocab: Vocab) -> Doc:
    doc = Doc(vocab, words=row["tokens"])
    doc.set_ents([Span(doc, first, last + 1, kind) for first, last, kind in row["entities"]])
    return doc
