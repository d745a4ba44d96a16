"""A comparison as `spacy mtl compare` leaves it, written down without any training."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from spacy_mtl.comparison.results import (
    COSTS,
    GAINS,
    NONE,
    AtFraction,
    Comparison,
    Gain,
    Results,
    Score,
    SystemResult,
    TaskInfo,
)
from spacy_mtl.confidences import note_spans, note_tokens

# Markup, templates, mathematics and code, to be put behind all that is data.
ODD = (
    "<img src=x onerror=\"document.title='hit'\"><script>document.title='hit'</script>"
    "&amp;{{7*7}}$x$`"
)
BLOCKS: dict[str, dict[str, Any]] = {
    "tagger": {"@mtl_tasks": "spacy_mtl.Tagger.v1"},
    "ner": {"@mtl_tasks": "spacy_mtl.NER.v1"},
    "mood": {"@mtl_tasks": "spacy_mtl.TextCat.v1", "exclusive": True, "group": "mood"},
    "traits": {"@mtl_tasks": "spacy_mtl.TextCat.v1", "exclusive": False, "group": "traits"},
}
METRICS = {"tagger": "accuracy", "ner": "F", "mood": "macro F", "traits": "macro F"}
WRITES = {"tagger": "token.tag", "ner": "doc.ents", "mood": "doc.cats", "traits": "doc.cats"}
LABELS = {
    "tagger": ["N", "P", "V"],
    "ner": ["LOC", "ORG", "PER"],
    "mood": ["mood=bad", "mood=good"],
    "traits": ["traits=long", "traits=new"],
}
# Differences in points, ends of their intervals, and verdicts.
GAINED = {
    "tagger": (0.02, 0.01, 0.03, GAINS),
    "ner": (-0.05, -0.09, -0.01, COSTS),
    "mood": (0.01, -0.02, 0.04, NONE),
    "traits": (0.0, -0.03, 0.03, NONE),
}
# Words and tags; entities as label, begin, end, None where nothing is said; classes.
Annotated = tuple[str, str, "list[tuple[str, int, int]] | None", dict[str, float]]
GOLD: list[Annotated] = [
    (
        "Ana Lima lives in Bonn",
        "N N V P N",
        [("PER", 0, 2), ("LOC", 4, 5)],
        {"mood=good": 1, "mood=bad": 0, "traits=new": 1, "traits=long": 1},
    ),
    (
        "Siemens hired Tom",
        "N V N",
        [("ORG", 0, 1), ("PER", 2, 3)],
        {"mood=good": 0, "mood=bad": 1, "traits=new": 0},
    ),
    ("It rained on Monday", "N V P N", [], {"mood=good": 0, "mood=bad": 1}),
    ("Bonn again", "N N", None, {}),
]
# Of the first seed: one entity of each kind, three of 14 tags and one of three moods are wrong.
GUESSED: list[Annotated] = [
    (
        "Ana Lima lives in Bonn",
        "N V V P N",
        [("PER", 0, 1), ("LOC", 4, 5)],
        {"mood=good": 0.9, "mood=bad": 0.1, "traits=new": 0.8, "traits=long": 0.3},
    ),
    (
        "Siemens hired Tom",
        "V V N",
        [("LOC", 0, 1)],
        {"mood=good": 0.6, "mood=bad": 0.4, "traits=new": 0.2, "traits=long": 0.9},
    ),
    (
        "It rained on Monday",
        "N V N N",
        [("ORG", 3, 4)],
        {"mood=good": 0.3, "mood=bad": 0.7, "traits=new": 0.5, "traits=long": 0.5},
    ),
    (
        "Bonn again",
        "N N",
        [("LOC", 0, 1)],
        {"mood=good": 0.5, "mood=bad": 0.5, "traits=new": 0.5, "traits=long": 0.5},
    ),
]
SURE_OF_SPANS, SURE_OF_TAGS = 0.75, 0.875


@dataclass
class Made:
    """Where it is, and what it is called. odd: goes behind every name, label and word."""

    folder: Path
    odd: str = ""

    @property
    def test(self) -> Path:
        return self.folder / f"test{self.odd.replace('/', '')}.spacy"


def make(
    folder: Path, odd: str = "", fractions: Sequence[float] = (1.0, 0.25), notes: bool = True
) -> Made:
    """Write it. notes: whether the predictions say how sure they are."""
    made = Made(folder, odd)
    vocab = spacy.blank("en").vocab
    gold = [_doc(vocab, each, odd) for each in GOLD]
    guessed = [_doc(vocab, each, odd) for each in GUESSED]
    for doc in guessed if notes else ():
        _note(doc)
    folder.mkdir(parents=True, exist_ok=True)
    DocBin(docs=gold).to_disk(made.test)
    systems = ["joint", *(f"single:{task}{odd}" for task in BLOCKS)]
    for n, system in enumerate(systems):
        for seed in (0, 1):
            docs = guessed if system == "joint" and seed == 0 else gold
            _write_run(folder / "runs" / f"{n}-{seed}", seed, docs, odd)
    _results(made, systems, fractions).save(folder)
    return made


def _doc(vocab: Vocab, annotated: Annotated, odd: str) -> Doc:
    words, tags, ents, cats = annotated
    doc = Doc(
        vocab,
        words=[word + odd for word in words.split()],
        tags=[tag + odd for tag in tags.split()],
    )
    if ents is not None:
        doc.set_ents([Span(doc, start, end, label + odd) for label, start, end in ents])
    doc.cats = {label + odd: float(value) for label, value in cats.items()}
    return doc


def _note(doc: Doc) -> None:
    ents = [(ent.start_char, ent.end_char, ent.label) for ent in doc.ents]
    spans = np.asarray(ents, dtype="uint64").reshape(-1, 3)
    note_spans(doc, "doc.ents", spans, np.full(len(spans), SURE_OF_SPANS), keep=False)
    tags: Any = doc.to_array("TAG")
    note_tokens(doc, "TAG", tags, np.full(len(doc), SURE_OF_TAGS), np.zeros(len(doc), dtype=bool))


def _write_run(folder: Path, seed: int, docs: list[Doc], odd: str) -> None:
    folder.mkdir(parents=True)
    attrs = ["ORTH", "SPACY", "TAG", "ENT_IOB", "ENT_TYPE"]
    DocBin(attrs=attrs, docs=docs, store_user_data=True).to_disk(folder / "predictions.spacy")
    tasks = {task + odd: block for task, block in BLOCKS.items()}
    config = {"nlp": {"lang": "en"}, "components": {"multitask": {"tasks": tasks}}}
    (folder / "run.json").write_text(json.dumps({"config": config, "seed": seed}), "utf-8")
    history = [_row(step, seed, odd) for step in (0, 10, 20)]
    (folder / "result.json").write_text(json.dumps({"history": history}), "utf-8")


def _row(step: int, seed: int, odd: str) -> dict[str, Any]:
    figures = {"score": step / 40 + seed / 10, "loss": 3.0 - step / 10, "weight": 1.0}
    tasks: dict[str, Any] = {task + odd: figures for task in BLOCKS}
    conflict: dict[str, Any] = {}
    if step:
        pair = " ".join(sorted((f"ner{odd}", f"tagger{odd}")))
        report = {"cosine": {pair: -0.1 * step / 10}, "norm": {}, "conflict": 0.5, "steps": step}
        conflict = {"multitask": report}
    if not step:  # a task that the batches before it did not have
        tasks[f"traits{odd}"] = {"score": 0.0, "loss": None, "weight": None}
    return {"step": step, "tasks": tasks, "conflict": conflict}


def _results(made: Made, systems: list[str], fractions: Sequence[float]) -> Results:
    odd = made.odd
    return Results(
        config=f"config{odd}.cfg",
        test=str(made.test),
        test_docs=len(GOLD),
        command=f"spacy mtl compare config{odd}.cfg",
        packages={"spacy-mtl": "0.1.0"},
        samples=100,
        confidence=0.95,
        alpha=0.05,
        tasks={
            task + odd: TaskInfo(
                "multitask",
                "Task",
                WRITES[task],
                METRICS[task],
                [label + odd for label in LABELS[task]],
                {f"train{odd}": {"docs": 9, "units": 90}, "test": {"docs": 4, "units": 14}},
            )
            for task in BLOCKS
        },
        single={task + odd: f"single:{task}{odd}" for task in BLOCKS},
        joint=["joint"],
        fractions=[_at(fraction, systems, odd) for fraction in fractions],
    )


def _at(fraction: float, systems: list[str], odd: str) -> AtFraction:
    def score(task: str, joint: bool) -> Score:
        value = 0.8 * fraction**0.1 + (GAINED[task][0] if joint else 0.0)
        return Score(value, 0.01, [value - 0.01, value + 0.01])

    def system(number: int, name: str) -> SystemResult:
        tasks = list(BLOCKS) if name == "joint" else [list(BLOCKS)[number - 1]]
        return SystemResult(
            {task + odd: score(task, name == "joint") for task in tasks},
            [f"runs/{number}-0", f"runs/{number}-1"],
            train_seconds=30.0 if name == "joint" else 20.0,
            words_per_second=9000.0 if name == "joint" else 12000.0,
            bytes=8_000_000 if name == "joint" else 6_000_000,
        )

    gains = {
        task + odd: Gain(difference, low, high, 0.5, 1.0 if verdict == NONE else 0.01, verdict)
        for task, (difference, low, high, verdict) in GAINED.items()
    }
    found = {name: system(number, name) for number, name in enumerate(systems)}
    return AtFraction(fraction, 20, [0, 1], found, {"joint": Comparison(gains, -0.6, -2.0, 0.8)})


def affinity(tasks: Sequence[str], value: Callable[[int, int], float | None]) -> dict[str, Any]:
    """What `spacy mtl affinity` writes, with these affinities."""
    matrix = [[value(i, j) for j in range(len(tasks))] for i in range(len(tasks))]
    return {"version": 1, "tasks": list(tasks), "cosines": matrix, "affinity": matrix}
