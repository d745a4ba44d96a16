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
ADVERBS = ("now", "still", "often")
TAGS = ("NNP", "VBZ", "IN", "NNP", "CC", "NNP", "VBZ", "NNP")


def words(name: str, city: str, liked: str, n: int) -> list[str]:
    """A sentence with `n` words, the last of which tells n, before the name's second mention."""
    return [name, "lives", "in", city, "and", *ADVERBS[:n], name, "likes", liked]


def tags(n: int) -> list[str]:
    return [*TAGS[:5], *["RB"] * n, *TAGS[5:]]


def make_docs(*layers: str) -> list[Doc]:
    """All sentences with these layers of annotation."""
    table()  # knows the attributes of layers
    nlp = spacy.blank("en")
    docs = []
    for number, (name, city) in enumerate(product(NAMES, CITIES)):
        liked, n = CITIES[number % 3], number % 4
        given = {"tags": tags(n)} if "tag" in layers else {}
        doc = Doc(nlp.vocab, words(name, city, liked, n), **given)
        again = 5 + n  # where the name is mentioned again
        if "ents" in layers:
            places = ((0, "PER"), (3, "LOC"), (again, "PER"), (again + 2, "LOC"))
            doc.ents = [Span(doc, i, i + 1, label) for i, label in places]
        if "cats" in layers:
            doc.cats = {"topic=home": float(city == liked), "topic=away": float(city != liked)}
        if "pairs" in layers:
            spans = [again, again + 1, again + 2, again + 3]
            doc._.pairs = [[0, 1, 3, 4, "lives_in"], [*spans, "likes"]]
        if "distance" in layers:
            doc[again]._.distance = float(again)
            doc[again + 2]._.distance = again - 1.0 if liked == city else None
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
    tagged = zip(words("Ana", "Rio", "Rome", 0), tags(0), strict=True)
    (folder / "tagged.txt").write_text(" ".join("/".join(pair) for pair in tagged) + "\n", "utf8")


def records() -> Iterator[dict[str, Any]]:
    """Sentences as JSONL has them, with our layers."""
    for doc in make_docs("pairs", "distance")[:3]:
        yield {
            "tokens": [token.text for token in doc],
            "distance": [token._.distance for token in doc],
            "pairs": doc._.pairs,
        }
