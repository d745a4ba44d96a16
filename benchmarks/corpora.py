"""The benchmark corpora, converted once to `.spacy` files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import spacy
from spacy.tokens import DocBin

from spacy_mtl.corpora import read_docs

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
    """Convert the corpus `name` below `data` into `cache`, unless it is there already."""
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


def _convert(source: Path, target: Path, group: str) -> None:
    nlp = spacy.blank("en")
    if source.suffix == ".jsonl":
        docs = read_docs(source, nlp.vocab, group_name=group)
    else:
        docs = read_docs(source, nlp.vocab, cats_from=[group], group=SENTENCES_PER_DOC)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    DocBin(docs=list(docs), store_user_data=False).to_disk(part)
    part.rename(target)
