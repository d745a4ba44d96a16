"""What runs of `benchmarks.pretrained` have given, document by document and without text.

The file `benchmarks/finished/pretrained.jsonl` is part of the repository, so that nobody needs to
train these runs again: a line for each run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from spacy.training import Example

from spacy_mtl.evaluation.scores import class_pairs, entities_of
from spacy_mtl.metrics.base import Statistics
from spacy_mtl.metrics.f_score import Counts, count_units

from .stored_runs import read_runs, write_runs

FINISHED = Path(__file__).parent / "finished" / "pretrained.jsonl"
Key = tuple[str, str, int, int]  # corpus, system, steps, seed
# Of each document, [true positives, false positives, false negatives]; with one label for every
# unit, F of these is the accuracy.
COUNTED = ("tag_acc", "ents_f", "whole_acc")
CLASSES = ("cats_acc", "cats_macro_f")


@dataclass(frozen=True)
class Finished:
    """A run, and what its test documents got.

    dev: the highest mean of the scores on the development data. scores: of the test documents.
    counts: of each document, by the score that is made of them. labels: the classes. classes: of
    each document, the numbers of the gold one and of the predicted one. settings: the hash of its
    config (`fingerprint`), None in plain PyTorch and where it was not kept.
    """

    corpus: str
    system: str
    steps: int
    seed: int
    dev: float
    seconds: float
    scores: dict[str, float]
    counts: dict[str, list[list[int]]]
    labels: list[str] = field(default_factory=list)
    classes: list[list[int]] = field(default_factory=list)
    settings: str | None = None

    @property
    def key(self) -> Key:
        """What it is found by."""
        return self.corpus, self.system, self.steps, self.seed

    def statistics(self, score: str) -> Statistics:
        """What the score is made of, to be drawn anew."""
        if score in COUNTED:
            array = np.asarray(self.counts[score], "int64")[:, None]
            return Counts(array, ("all",), "micro", score)
        gold, guess = np.asarray(self.classes).T
        n, n_labels = len(gold), len(self.labels)
        array = count_units(np.arange(n), gold, guess, n, n_labels)
        average = "macro" if score == "cats_macro_f" else "micro"
        return Counts(array, tuple(self.labels), average, score)  # type: ignore[arg-type]


def read(path: Path = FINISHED) -> dict[Key, Finished]:
    """The runs of the file; none if there is no file."""
    return read_runs(path, Finished)


def write(runs: dict[Key, Finished], path: Path = FINISHED) -> None:
    """Replace the file."""
    write_runs(runs, path)


def documents(
    key: Key,
    dev: float,
    seconds: float,
    scores: dict[str, float],
    examples: Sequence[Example],
    settings: str | None = None,
) -> Finished:
    """A run as it is kept. scores: as `score_examples` gives them for the examples."""
    counts = {}
    if "tag_acc" in scores:
        counts["tag_acc"] = [_tags(eg) for eg in examples]
    if "ents_f" in scores:
        counts["ents_f"] = [_entities(eg) for eg in examples]
    if "whole_acc" in scores:
        counts["whole_acc"] = [_right(*_whole(eg)) for eg in examples]
    pairs = class_pairs(examples) if "cats_acc" in scores else []
    labels = sorted({label for pair in pairs for label in pair})
    kept = {name: round(scores[name], 5) for name in (*COUNTED, *CLASSES) if name in scores}
    numbers = [[labels.index(label) for label in pair] for pair in pairs]
    return Finished(*key, round(dev, 5), round(seconds), kept, counts, labels, numbers, settings)


def _tags(example: Example) -> list[int]:
    gold, guess = ([token.tag for token in doc] for doc in (example.reference, example.predicted))
    return _right(sum(map(int.__eq__, gold, guess)), len(gold))


def _right(right: int, total: int) -> list[int]:
    return [right, total - right, total - right]


def _entities(example: Example) -> list[int]:
    gold, guess = _sides(example)
    return [len(gold & guess), len(guess - gold), len(gold - guess)]


def _sides(example: Example) -> tuple[set[tuple[int, int, str]], ...]:
    return tuple(entities_of(doc) for doc in (example.reference, example.predicted))


def _whole(example: Example) -> tuple[int, int]:
    gold, guess = _sides(example)
    return int(gold == guess and all(a == b for a, b in class_pairs([example]))), 1
