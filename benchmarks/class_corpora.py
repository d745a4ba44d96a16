"""The corpora of `benchmarks.classes`, converted once to `.spacy` files with the classes alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import spacy
from spacy.tokens import Doc

from spacy_mtl.corpora import blank_layer, present_layers, read_docs

from .corpora import BenchmarkCorpus, docs_of, prepare, write_docs

SHORT_TEXTS = ("banking77", "clinc150", "subj", "customer_reviews")
REVIEWS = ("imdb", "books", "camera_photo", "kitchen_housewares")
TOKENIZED = ("snips", "gum", "ewt")
WHOLE = (*SHORT_TEXTS, *TOKENIZED)
THINNED = ("banking77-thinned", "snips-thinned")
PARTS = ("train", "dev", "test")
N_DEV = 200  # the last lines of each training file of `fdu_mtl`
THINNING_SEED = 0


def prepare_classes(data: Path, cache: Path, name: str) -> BenchmarkCorpus:
    """Convert the corpus `name` below `data` into `cache`, unless it is there already.

    "NAME-thinned" is the corpus with the class of rank r, by the number of its training documents,
    cut to a share of 1/r in train and dev; its slots stay.
    """
    folder = cache / "corpora" / "classes" / name
    paths = {part: folder / f"{part}.spacy" for part in PARTS}
    if not all(path.exists() for path in paths.values()):
        for part, docs in _read(data, cache, name).items():
            write_docs(docs, paths[part])
    train = {"cats": paths["train"]}
    if name == "snips-thinned":
        train["ents"] = paths["train"]
    return BenchmarkCorpus(name, train, paths["train"], paths["dev"], paths["test"])


def _read(data: Path, cache: Path, name: str) -> dict[str, list[Doc]]:
    whole, _, thinned = name.partition("-")
    if whole in SHORT_TEXTS:
        docs = {part: _texts(data / whole / f"{part}.jsonl") for part in PARTS}
    elif whole in REVIEWS:
        labelled = _texts(data / "fdu_mtl" / f"{whole}.train.jsonl")
        test = _texts(data / "fdu_mtl" / f"{whole}.test.jsonl")
        docs = {"train": labelled[:-N_DEV], "dev": labelled[-N_DEV:], "test": test}
    else:
        corpus = prepare(data, cache, whole)
        files = (corpus.train["cats"], corpus.dev, corpus.test)
        docs = {part: docs_of(file) for part, file in zip(PARTS, files, strict=True)}
    if not thinned:
        return {part: list(map(_classes_alone, found)) for part, found in docs.items()}
    ranks = _ranks(docs["train"])
    return {**docs, **{part: thin(docs[part], ranks) for part in ("train", "dev")}}


def _texts(path: Path) -> list[Doc]:
    return list(read_docs(path, spacy.blank("en"), group_name="class"))


def _classes_alone(doc: Doc) -> Doc:
    for layer in present_layers(doc) - {"cats"}:
        blank_layer(doc, layer)
    return doc


def _ranks(docs: Iterable[Doc]) -> dict[str, int]:
    """The rank of each class by its number of documents, the most frequent one first."""
    counts = Counter(map(class_of, docs))
    order = sorted(counts, key=lambda label: (-counts[label], label))
    return {label: rank for rank, label in enumerate(order, 1)}


def thin(docs: list[Doc], ranks: dict[str, int]) -> list[Doc]:
    """Of each class a share of 1 / its rank, but at least one document, in the old order."""
    rng = np.random.default_rng(THINNING_SEED)
    kept: list[int] = []
    for label, rank in ranks.items():
        own = [i for i, doc in enumerate(docs) if class_of(doc) == label]
        n = max(round(len(own) / rank), min(len(own), 1))
        kept += rng.choice(own, n, replace=False).tolist() if own else []
    return [docs[i] for i in sorted(kept)]


def class_of(doc: Doc) -> str:
    """The document's one class."""
    return max(doc.cats, key=doc.cats.__getitem__)
