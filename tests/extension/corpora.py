"""Small corpora, each labelled for some of the tasks, and files of other formats."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy_mtl.layers import table

NAMES = ("Ana", "Bo", "Cy")
CITIES = ("Rio", "Rome", "Oslo", "Bonn")
TAGS = ("NNP", "VBZ", "IN", "NNP", "CC", "NNP", "VBZ", "NNP")


def words(name: str, city: str, liked: str) -> list[str]:
    return [name, "lives", "in", city, "and", name, "likes", liked]


def make_docs(*layers: str) -> list[Doc]:
    """All sentences with these layers of annotation."""
    table()  # knows the attributes of layers
    nlp = spacy.blank("en")
    docs = []
    for number, (name, city) in enumerate(product(NAMES, CITIES)):
        liked = CITIES[number % 3]
        doc = Doc(nlp.vocab, words(name, city, liked), tags=TAGS if "tag" in layers else None)
        if "ents" in layers:
            places = ((0, "PER"), (3, "LOC"), (5, "PER"), (7, "LOC"))
            doc.ents = [Span(doc, i, i + 1, label) for i, label in places]
        if "cats" in layers:
            doc.cats = {"topic=home": float(city == liked), "topic=away": float(city != liked)}
        if "pairs" in layers:
            doc._.pairs = [[0, 1, 3, 4, "lives_in"], [5, 6, 7, 8, "likes"]]
        if "distance" in layers:
            doc[5]._.distance = 5.0
            doc[7]._.distance = 4.0 if liked == city else None
        docs.append(doc)
    return docs


def save(path: Path, docs: list[Doc], user_data: bool = True) -> None:
    attrs = ["ORTH", "TAG", "ENT_IOB", "ENT_TYPE"]
    DocBin(attrs, store_user_data=user_data, docs=docs).to_disk(path)


def write(folder: Path) -> None:
    """Three corpora, one for all tasks, which is saved without user data too, and raw texts."""
    folder.mkdir(parents=True)
    save(folder / "mentions.spacy", make_docs("distance"))
    save(folder / "names.spacy", make_docs("ents", "pairs"))
    save(folder / "topics.spacy", make_docs("tag", "cats"))
    everything = make_docs("tag", "ents", "cats", "pairs", "distance")
    save(folder / "dev.spacy", everything[::2])
    save(folder / "test.spacy", everything[1::2])
    save(folder / "bare.spacy", everything, user_data=False)
    with (folder / "texts.jsonl").open("w", encoding="utf8") as file:
        for doc in everything[:4]:
            file.write(json.dumps({"text": doc.text}) + "\n")
    with (folder / "labelled.jsonl").open("w", encoding="utf8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records())
    tagged = zip(words("Ana", "Rio", "Rome"), TAGS, strict=True)
    (folder / "tagged.txt").write_text(" ".join("/".join(pair) for pair in tagged) + "\n", "utf8")


def records() -> Iterator[dict[str, Any]]:
    """Sentences as JSONL has them, with our layers."""
    for doc in make_docs("pairs", "distance")[:3]:
        yield {
            "tokens": [token.text for token in doc],
            "distance": [token._.distance for token in doc],
            "pairs": doc._.pairs,
        }
