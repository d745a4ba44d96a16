"""What runs of `benchmarks.classes` have given, document by document and without text.

The file `benchmarks/finished/classes.jsonl` is part of the repository, so that nobody needs to
train these runs again: a line for each corpus with the classes of its test documents, and one for
each run with those that were predicted. Classes are numbers of two hexadecimal digits.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from spacy_mtl.evaluation.runs import Result, Run
from spacy_mtl.files import write_whole
from spacy_mtl.metrics.f_score import Average, Counts, count_units

from .class_corpora import class_of
from .corpora import BenchmarkCorpus, docs_of

FINISHED = Path(__file__).parent / "finished" / "classes.jsonl"


@dataclass(frozen=True)
class Gold:
    """labels: the classes, in the order of their numbers. gold: of the test documents."""

    corpus: str
    labels: list[str]
    gold: str


@dataclass(frozen=True)
class Finished:
    """A run.

    given: the hash of what it was made of, see `Run.given`. dev: F of the classes, by the step
    of the evaluation. guesses: the classes of the test documents. slots: F of entities, where there
    are any.
    """

    corpus: str
    system: str
    steps: int
    seed: int
    given: str
    dev: dict[str, float]
    guesses: str
    slots: float | None = None


@dataclass
class Store:
    """All that is known. golds: by corpus. runs: by what they were made of."""

    golds: dict[str, Gold] = field(default_factory=dict)
    runs: dict[str, Finished] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path = FINISHED) -> Store:
        """What the file has; nothing if there is none."""
        store = cls()
        for line in path.read_text(encoding="utf8").splitlines() if path.exists() else ():
            fields = json.loads(line)
            if "guesses" in fields:
                store.runs[fields["given"]] = Finished(**fields)
            else:
                store.golds[fields["corpus"]] = Gold(**fields)
        return store

    def write(self, path: Path = FINISHED) -> None:
        """Replace the file."""
        order = sorted(self.runs.values(), key=lambda run: (run.corpus, run.system, run.seed))
        lines = [json.dumps(vars(each)) for each in (*self.golds.values(), *order)]
        write_whole(path, "".join(f"{line}\n" for line in lines).encode())

    def add(self, run: Run, result: Result, corpus: BenchmarkCorpus) -> None:
        """Take over a run that was trained."""
        gold = self.gold_of(corpus)
        system = run.name.partition("/")[2]
        history = {str(row["step"]): float(row["scores"]["cats_score"]) for row in result.history}
        guesses = _numbers(docs_of(result.predictions), gold.labels)
        self.runs[run.given()] = Finished(
            corpus.name,
            system,
            run.config["training"]["max_steps"],
            run.seed,
            run.given(),
            history,
            guesses,
            result.scores.get("ents_f"),
        )

    def gold_of(self, corpus: BenchmarkCorpus) -> Gold:
        """Of a corpus, from its files if it is new."""
        if corpus.name not in self.golds:
            files = (corpus.train_all, corpus.dev, corpus.test)
            train, dev, test = (docs_of(file) for file in files)
            labels = sorted({class_of(doc) for doc in (*train, *dev, *test)})
            self.golds[corpus.name] = Gold(corpus.name, labels, _numbers(test, labels))
        return self.golds[corpus.name]

    def counts(self, run: Finished, average: Average) -> Counts:
        """What the run got right and wrong; with "micro", its score is the accuracy."""
        gold = self.golds[run.corpus]
        golds, guesses = read_numbers(gold.gold), read_numbers(run.guesses)
        n = len(golds)
        array = count_units(np.arange(n), golds, guesses, n, len(gold.labels))
        return Counts(array, tuple(gold.labels), average, "accuracy")


def _numbers(docs: Sequence[Doc], labels: Sequence[str]) -> str:
    place = {label: number for number, label in enumerate(labels)}
    return bytes(place[class_of(doc)] for doc in docs).hex()


def read_numbers(hexadecimal: str) -> NDArray[np.uint8]:
    """(n_docs,) the numbers of classes."""
    return np.frombuffer(bytes.fromhex(hexadecimal), "uint8")


def best_of(runs: Iterable[Finished]) -> list[Finished]:
    """The runs of the system that scored best on dev, mean over its seeds."""
    by_system: dict[str, list[Finished]] = {}
    for run in runs:
        by_system.setdefault(run.system, []).append(run)

    def dev_score(system: str) -> float:
        return float(np.mean([max(run.dev.values()) for run in by_system[system]]))

    return by_system[max(by_system, key=dev_score)]
