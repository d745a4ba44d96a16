"""What a GPU gives: the tests marked `gpu`, then training and prediction beside stock spaCy.

python -m benchmarks.gpu --data DIR --weights FOLDER

At most five minutes, without network: what would begin after four is left out, and named.

Stock is spaCy's joint pipeline on its convolutional encoder, and on spacy-transformers where that
is installed; ours is what `init-config` writes, without a transformer and with one. A few steps of
training of all are timed in turns, then prediction of gum's test documents with what came out of
that. The weights may be in half precision; they are read into single precision.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from spacy.tokens import Doc
from typer import Option

from . import pretrained, systems
from .corpora import BenchmarkCorpus, docs_of, prepare
from .quality import DEFAULT_CACHE
from .speed import ratio_text
from .training_speed import Training, synchronize

CORPUS, STEPS = "gum", 1000
TEST_SECONDS, SECONDS = 120, 240
WARM_UP = 3  # steps
BATCHES = (64, 512)  # documents


def main(
    data: Annotated[Path, Option(help="Folder with gum/")],
    weights: Annotated[str, Option(help="Folder with a transformer, or below a package")],
    cache: Annotated[Path, Option(help="Where the corpus is converted to")] = DEFAULT_CACHE,
    gpu_id: Annotated[int, Option("--gpu-id", "-g", help="GPU, -1 for the CPU")] = 0,
    steps: Annotated[int, Option(help="Of training of each that count")] = 15,
    rounds: Annotated[int, Option(help="Of prediction that count")] = 3,
    tests: Annotated[bool, Option(help="Run the tests first")] = True,
    seconds: Annotated[int, Option(help="After which no part begins")] = SECONDS,
) -> None:
    """Print the tests' last lines and Markdown tables."""
    deadline = Deadline(seconds)
    if tests:
        typer.echo(_tested())
    corpus = prepare(data, cache, CORPUS)
    made = configs(corpus, pretrained.find(weights), gpu_id >= 0)
    trainings = {
        name: Training.begin(_long(made[name]), 0, gpu_id) for name in deadline.parts(made)
    }
    tables = [_train(trainings, steps, deadline)]
    tables += _predict(trainings, corpus.test, rounds, deadline)
    typer.echo("\n\n".join(["", *filter(None, tables)]))
    if deadline.left_out:
        parts = (f"{n} × {name}" for name, n in deadline.left_out.items())
        typer.echo(f"\nLeft out, as {seconds} s were over: {'; '.join(parts)}.")


class Deadline:
    """A number of seconds from now. left_out: the parts that did not begin in them, counted."""

    def __init__(self, seconds: float) -> None:
        self._end = perf_counter() + seconds
        self.left_out: Counter[str] = Counter()

    def parts(self, names: Iterable[str]) -> Iterator[str]:
        """Those that begin in time; the others are noted."""
        for name in names:
            if perf_counter() < self._end:
                yield name
            else:
                self.left_out[name] += 1


def configs(corpus: BenchmarkCorpus, weights: Path, gpu: bool) -> dict[str, systems.Settings]:
    """The systems by name; those on the GPU train transformers in mixed precision."""
    ours = pretrained.multitask(corpus, STEPS, weights)
    ours["components"]["tok2vec"]["model"]["mixed_precision"] = gpu
    made = {
        "stock, CNN": systems.joint(corpus, STEPS),
        "ours, CNN": pretrained.cnn(corpus, STEPS, weights),
        "ours, transformer": ours,
    }
    if find_spec("spacy_transformers"):
        made["stock, transformer"] = pretrained.stock(corpus, STEPS, weights)
        made["stock, transformer"]["components"]["transformer"]["model"]["mixed_precision"] = gpu
    return made


def _long(settings: systems.Settings) -> systems.Settings:
    """Without an end or an evaluation."""
    settings["training"].update(max_steps=10**6, eval_frequency=10**6, patience=0)
    return settings


def _tested() -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TEST_SECONDS)
    except subprocess.TimeoutExpired:
        return f"The tests took longer than {TEST_SECONDS} s."
    return "\n".join(done.stdout.splitlines()[-15:])


def _train(trainings: dict[str, Training], steps: int, deadline: Deadline) -> str:
    for _ in deadline.parts(["step of training"] * (WARM_UP + steps)):
        for training in trainings.values():
            training.step()
    rates = {
        name: [w / s for w, s in zip(each.words, each.step_seconds, strict=True)]
        for name, each in trainings.items()
    }
    return _table("training", {name: each[WARM_UP:] for name, each in rates.items()})


def _predict(
    trainings: dict[str, Training], test: Path, rounds: int, deadline: Deadline
) -> list[str]:
    words = [[token.text for token in doc] for doc in docs_of(test)]
    n_words = sum(map(len, words))
    tables = []
    for batch in BATCHES:
        what = f"prediction, batches of {batch} documents"
        rates: dict[str, list[float]] = {name: [] for name in trainings}
        for _ in deadline.parts([what] * (rounds + 1)):
            for name, training in trainings.items():
                rates[name].append(n_words / _timed(_predicting(training, words, batch)))
        tables.append(_table(what, {name: each[1:] for name, each in rates.items()}))
    return tables


def _predicting(training: Training, words: list[list[str]], batch: int) -> Callable[[], None]:
    nlp = training.nlp
    docs = [Doc(nlp.vocab, words=each) for each in words]

    def run() -> None:
        for _ in nlp.pipe(docs, batch_size=batch):
            pass

    return run


def _timed(call: Callable[[], None]) -> float:
    synchronize()
    began = perf_counter()
    call()
    synchronize()
    return perf_counter() - began


def _table(what: str, rates: dict[str, list[float]]) -> str:
    """Words per second, and how many times those of the first system, in turns; empty if there was
    no time for any."""
    first = next(iter(rates.values()), [])
    if not first:
        return ""
    lines = [f"| {what} | words/s | times the first |", "|---|---|---|"]
    for name, each in rates.items():
        ratios = [a / b for a, b in zip(each, first, strict=True)]
        lines.append(f"| {name} | {sorted(each)[len(each) // 2]:,.0f} | {ratio_text(ratios)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
