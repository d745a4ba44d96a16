"""The sixteen domains of `fdu_mtl`: each document has the classes of its own domain alone.

Product reviews are lower-cased and tokenised there, but for the unlabelled ones, which are brought
to that form. A test document counts as new if no training document of its task has its words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import spacy
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from .class_corpora import N_DEV
from .corpora import write_docs

CLASSES = ("positive", "negative")
FILMS = "MR"  # of another kind than the others, left out of a second mean


@dataclass(frozen=True)
class Domains:
    """Paths of the corpus. train: by domain, and of all together in `train_all`. unlabelled: raw
    reviews without those of the test files. new: of each test document, whether it is."""

    names: list[str]
    train: dict[str, Path]
    train_all: Path
    dev: Path
    test: Path
    unlabelled: Path
    new: list[bool]
    domain_of: list[str]


def prepare_domains(data: Path, cache: Path) -> Domains:
    """Convert the files below `data` into `cache`, unless they are there."""
    source, folder = data / "fdu_mtl", cache / "corpora" / "domains"
    names = sorted(path.name.split(".")[0] for path in source.glob("*.train.jsonl"))
    paths = {name: folder / "train" / f"{name}.spacy" for name in names}
    others = {part: folder / f"{part}.spacy" for part in ("all", "dev", "test", "unlabelled")}
    texts = {name: list(_rows(source / f"{name}.test.jsonl")) for name in names}
    if not all(path.exists() for path in (*paths.values(), *others.values())):
        _convert(source, names, paths, others, texts)
    new, domain_of = [], []
    for name in names:
        seen = {_words(row["text"]) for row in _rows(source / f"{name}.train.jsonl")}
        new += [_words(row["text"]) not in seen for row in texts[name]]
        domain_of += [name] * len(texts[name])
    return Domains(
        names,
        paths,
        others["all"],
        others["dev"],
        others["test"],
        others["unlabelled"],
        new,
        domain_of,
    )


def _convert(
    source: Path,
    names: Sequence[str],
    paths: dict[str, Path],
    others: dict[str, Path],
    texts: dict[str, list[dict[str, str]]],
) -> None:
    vocab = spacy.blank("en").vocab
    everything, dev, test, unlabelled = [], [], [], []
    tested = {_words(row["text"]) for rows in texts.values() for row in rows}
    for name in names:
        rows = [row for row in _rows(source / f"{name}.train.jsonl") if row["text"].strip()]
        train = [_doc(vocab, name, row) for row in rows[:-N_DEV]]
        write_docs(train, paths[name])
        everything += train
        dev += [_doc(vocab, name, row) for row in rows[-N_DEV:]]
        test += [_doc(vocab, name, row) for row in texts[name]]
        for row in _rows(source / f"{name}.unlabel.jsonl"):
            if _words(row["text"]) not in tested:
                unlabelled.append(Doc(vocab, words=_tokens(row["text"])))
    for part, docs in (("all", everything), ("dev", dev), ("test", test)):
        write_docs(docs, others[part])
    write_docs(unlabelled, others["unlabelled"])


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf8") as lines:
        yield from map(json.loads, lines)


def _doc(vocab: Vocab, domain: str, row: dict[str, str]) -> Doc:
    doc = Doc(vocab, words=row["text"].split())
    doc.cats = {f"{domain}={each}": float(each == row["label"]) for each in CLASSES}
    return doc


def _tokens(text: str) -> list[str]:
    """As the labelled reviews are: lower-case, "do n't"."""
    return [token.lower_ for token in _TOKENIZER(text) if not token.is_space] or ["."]


_TOKENIZER = spacy.blank("en").tokenizer


def _words(text: str) -> str:
    """What two texts have in common that are the same but for case, space and punctuation."""
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def documents_of(path: Path) -> list[Doc]:
    """Of a file, with a vocabulary of their own."""
    return list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))
