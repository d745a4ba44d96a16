"""The benchmark corpora, converted once to `.spacy` files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import spacy
from spacy.tokens import Doc, DocBin

from spacy_mtl.corpora import blank_layer, present_layers, read_docs

FILES = {
    "gum": {"train": "train.conllu", "dev": "dev.conllu", "test": "test.conllu"},
    "ewt": {
        "train_tags": "train_tags.conllu",
        "train_entities": "train_entities.conllu",
        "dev": "dev.conllu",
        "test": "test.conllu",
    },
    "snips": {"train": "train.jsonl", "dev": "valid.jsonl", "test": "test.jsonl"},
}
CLASSES = {"gum": "genre", "ewt": "genre", "snips": "intent"}
SENTENCES_PER_DOC = 10
PARTIAL = "gum-partial"
PARTIAL_SEED = 0
LAYERS = {"train_tags": "tag", "train_entities": "ents", "train_genre": "cats"}


@dataclass(frozen=True)
class BenchmarkCorpus:
    """Paths of one corpus: `train[layer]` is what people would train that layer on."""

    name: str
    train: dict[str, Path]
    train_all: Path
    dev: Path
    test: Path

    @property
    def layers(self) -> list[str]:
        return list(self.train)


def prepare(data: Path, cache: Path, name: str) -> BenchmarkCorpus:
    """Convert the corpus `name` below `data` into `cache`, unless it is there already.

    "gum-partial" is gum with two of the three layers of each training document left out at
    random, as three files; dev and test are those of gum.
    """
    if name == PARTIAL:
        return _partial(prepare(data, cache, "gum"), cache)
    folder = cache / "corpora" / name
    paths = {}
    for part, file in FILES[name].items():
        below = "train" if part.startswith("train") else "."
        paths[part] = folder / below / f"{part}.spacy"
        if not paths[part].exists():
            _convert(data / name / file, paths[part], CLASSES[name])
    everything = paths.get("train", folder / "train")
    tags = paths.get("train_tags", everything)
    entities = paths.get("train_entities", everything)
    train = {"tag": tags, "ents": entities, "cats": tags}
    if name == "snips":
        del train["tag"]
    return BenchmarkCorpus(name, train, folder / "train", paths["dev"], paths["test"])


def _partial(whole: BenchmarkCorpus, cache: Path) -> BenchmarkCorpus:
    folder = cache / "corpora" / PARTIAL / "train"
    paths = {layer: folder / f"{file}.spacy" for file, layer in LAYERS.items()}
    if not all(path.exists() for path in paths.values()):
        docs = docs_of(whole.train["tag"])
        kept = np.random.default_rng(PARTIAL_SEED).integers(len(paths), size=len(docs))
        for place, (layer, path) in enumerate(paths.items()):
            write_docs([only(docs[i], layer) for i in np.flatnonzero(kept == place)], path)
    return BenchmarkCorpus(PARTIAL, paths, folder, whole.dev, whole.test)


def only(doc: Doc, layer: str) -> Doc:
    """The Doc after all its other layers were left out, in place."""
    for other in present_layers(doc) - {layer}:
        blank_layer(doc, other)
    return doc


def _convert(source: Path, target: Path, group: str) -> None:
    nlp = spacy.blank("en")
    if source.suffix == ".jsonl":
        docs = read_docs(source, nlp.vocab, group_name=group)
    else:
        docs = read_docs(source, nlp.vocab, cats_from=[group], group=SENTENCES_PER_DOC)
    write_docs(docs, target)


def docs_of(path: Path) -> list[Doc]:
    """The documents of a `.spacy` file."""
    return list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))


def write_docs(docs: Iterable[Doc], target: Path) -> None:
    """Write a `.spacy` file, at once as a whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    DocBin(docs=list(docs), store_user_data=False).to_disk(part)
    part.rename(target)
