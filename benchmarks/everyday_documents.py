"""What runs of `benchmarks.everyday` have given, document by document and without text.

The file `benchmarks/finished/everyday.jsonl` is part of the repository, so that nobody needs to
train these runs again: a line for each run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from spacy_mtl.evaluation.scores import class_pairs, entities_of
from spacy_mtl.metrics.base import Statistics
from spacy_mtl.metrics.f_score import Counts, count_units
from spacy_mtl.tasks.sentence_scores import sentence_counts
from spacy_mtl.tasks.tree_scores import TreeCounts, relations_of

from .stored_runs import read_runs, write_runs

FINISHED = Path(__file__).parent / "finished" / "everyday.jsonl"
Key = tuple[str, str, int, int, int]  # corpus, system, words of the first batches, steps, seed
Rows = list[list[int]]
TOKENS = {"tag_acc": "TAG", "pos_acc": "POS", "morph_acc": "MORPH", "lemma_acc": "LEMMA"}
CLASSES = "cats_macro_f"
# las and uas by spaCy's rules; ud_las with punctuation, and without subtypes of relations.
SCORES = (*TOKENS, "uas", "las", "ud_las", "sents_f", "ents_f", CLASSES)


@dataclass(frozen=True)
class Finished:
    """A run, and what its test documents got.

    first_words: of the first batches. words: that it has seen in training. statistics: by score,
    of each document its true positives, false positives and false negatives, and of the classes
    the numbers of the gold one and of the predicted one, among `labels`.
    """

    corpus: str
    system: str
    first_words: int
    steps: int
    seed: int
    seconds: int
    words: int
    labels: list[str]
    statistics: dict[str, Rows]

    @classmethod
    def joined(
        cls, key: Key, parts: Iterable[tuple[dict[str, Rows], list[str]]], seconds: int, words: int
    ) -> Finished:
        """A run of one or several pipelines, of each of which `documents` gave a part."""
        statistics: dict[str, Rows] = {}
        labels: list[str] = []
        for scores, classes in parts:
            statistics.update(scores)
            labels = classes or labels
        return cls(*key, seconds, words, labels, statistics)

    @property
    def key(self) -> Key:
        """What it is found by."""
        return self.corpus, self.system, self.first_words, self.steps, self.seed

    def of(self, score: str) -> Statistics:
        """What the score is made of, to be drawn anew."""
        rows = np.asarray(self.statistics[score], dtype="int64")
        if score != CLASSES:
            return Counts(rows[:, None], ("all",), "micro", score)
        n, n_labels = len(rows), len(self.labels)
        gold, guess = rows.T
        array = count_units(np.arange(n), gold, guess, n, n_labels)
        return Counts(array, tuple(self.labels), "macro", score)

    def shown(self) -> dict[str, float]:
        """Its scores."""
        return {name: round(self.of(name).score(), 4) for name in SCORES if name in self.statistics}


def read(path: Path = FINISHED) -> dict[Key, Finished]:
    """The runs of the file; none if there is no file."""
    return read_runs(path, Finished)


def write(runs: dict[Key, Finished], path: Path = FINISHED) -> None:
    """Replace the file."""
    write_runs(runs, path)


def documents(examples: Sequence[Example]) -> tuple[dict[str, Rows], list[str]]:
    """By score, what each document got of the layers that were predicted; and the classes."""
    predicted = [example.predicted for example in examples]
    found: dict[str, Any] = {}
    for score, attr in TOKENS.items():
        if any(doc.has_annotation(attr) for doc in predicted):
            found[score] = [_tokens(example, attr) for example in examples]
    if any(doc.has_annotation("DEP") for doc in predicted):
        relations = relations_of(doc for eg in examples for doc in (eg.reference, eg.predicted))
        counts = TreeCounts(examples, relations)
        found["uas"] = counts.unlabelled.tolist()
        found["las"] = counts.labelled.sum(axis=1).tolist()
        found["ud_las"] = [_arcs(example) for example in examples]
        found["sents_f"] = sentence_counts(examples).array[:, 0].tolist()
    if any(doc.has_annotation("ENT_IOB") for doc in predicted):
        found["ents_f"] = [_entities(example) for example in examples]
    if not any(doc.cats for doc in predicted):
        return found, []
    pairs = class_pairs(examples)
    labels = sorted({label for pair in pairs for label in pair})
    found[CLASSES] = [[labels.index(label) for label in pair] for pair in pairs]
    return found, labels


def _right(right: int, total: int) -> list[int]:
    return [right, total - right, total - right]


def _tokens(example: Example, attr: str) -> list[int]:
    """Of the tokens that are labelled."""
    gold, guess = ([_value(token, attr) for token in doc] for doc in _sides(example))
    labelled = [pair for pair in zip(gold, guess, strict=True) if pair[0]]
    return _right(sum(a == b for a, b in labelled), len(labelled))


def _value(token: Any, attr: str) -> str:
    if attr == "MORPH":
        return str(token.morph) or "_" if token.has_morph() else ""
    value: str = getattr(token, f"{attr.lower()}_")
    return value


def _arcs(example: Example) -> list[int]:
    """Head and relation, of all words, without subtypes."""
    gold, guess = ([(t.head.i, _relation(t)) for t in doc] for doc in _sides(example))
    return _right(sum(a == b for a, b in zip(gold, guess, strict=True)), len(gold))


def _relation(token: Any) -> str:
    relation: str = token.dep_.lower().split(":")[0]
    return relation


def _sides(example: Example) -> tuple[Doc, Doc]:
    return example.reference, example.predicted


def _entities(example: Example) -> list[int]:
    gold, guess = map(entities_of, _sides(example))
    return [len(gold & guess), len(guess - gold), len(gold - guess)]
