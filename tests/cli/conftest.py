from collections.abc import Callable
from pathlib import Path

import pytest
from spacy.tokens import Doc, DocBin, Span

WORDS = ["Ana saw Rio today", "Bo left Rome late", "Cy likes Oslo more", "Di knows Bonn well"]


@pytest.fixture
def corpora(tmp_path: Path, monkeypatch, make_doc: Callable[..., Doc]) -> Path:
    """The working directory, with tags and moods, with entities, and with all of it in dev."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANSI_COLORS_DISABLED", "1")
    save("moods.spacy", [with_mood(with_tags(make_doc, f"{w} {i}"), i) for i, w in texts(24)])
    save("names.spacy", [with_ents(make_doc, f"{w} , {i}") for i, w in texts(24)])
    save("dev.spacy", [with_mood(with_all(make_doc, f"{w} - {i}"), i) for i, w in texts(8)])
    return tmp_path


def texts(n: int) -> list[tuple[int, str]]:
    return [(i, WORDS[i % len(WORDS)]) for i in range(n)]


def save(name: str, docs: list[Doc]) -> None:
    DocBin(docs=docs).to_disk(name)


def annotation(words: str) -> dict[str, list[str]]:
    rest = len(words.split()) - 4
    return {
        "tags": ["NNP", "VBZ", "NNP", "RB", *["CD"] * rest],
        "pos": ["PROPN", "VERB", "PROPN", "ADV", *["NUM"] * rest],
        "ents": ["B-PER", "O", "B-LOC", "O", *["O"] * rest],
    }


def with_tags(make_doc: Callable[..., Doc], words: str) -> Doc:
    given = annotation(words)
    return make_doc(words, tags=given["tags"], pos=given["pos"])


def with_ents(make_doc: Callable[..., Doc], words: str) -> Doc:
    return with_spans(make_doc(words, ents=annotation(words)["ents"]))


def with_all(make_doc: Callable[..., Doc], words: str) -> Doc:
    return with_spans(make_doc(words, **annotation(words)))


def with_spans(doc: Doc) -> Doc:
    doc.spans["sc"] = [Span(doc, 1, 4, "EVENT")]
    return doc


def with_mood(doc: Doc, i: int) -> Doc:
    doc.cats = {"mood=glad": float(i % 2), "mood=sad": float(not i % 2), "rude": float(i % 4 < 2)}
    return doc
