"""The process of one version under `benchmarks.paired`: predicts and trains when it is told to.

It is run as a file of its own under versions that are older than it, and so uses only what all
of them have: spaCy's loading, `nlp.pipe`, and its loop of training. A request is a line on stdin,
`predict`, `latency` or `train`, the answer one of JSON: seconds elapsed, and of processor time.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import spacy
from spacy.schemas import ConfigSchemaTraining
from spacy.tokens import Doc, DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import create_train_batches, train_while_improving
from spacy.util import load_config, registry, resolve_dot_names
from thinc.api import fix_random_seed

SHORT = 20  # words of a document that is annotated alone
ALONE = 200  # such documents in one measurement


class Predicting:
    """A saved pipeline, and documents that go through it again and again."""

    def __init__(self, model: str, corpus: str, words: int) -> None:
        self._nlp = spacy.load(model)
        files = sorted(Path(corpus).rglob("*.spacy"))
        docs = [doc for file in files for doc in DocBin().from_disk(file).get_docs(self._nlp.vocab)]
        repeats = -(-words // max(1, sum(map(len, docs))))
        self._words = [[token.text for token in doc] for doc in docs] * repeats

    def prepare(self) -> list[Doc]:
        """New documents, with words and nothing else."""
        return [Doc(self._nlp.vocab, words=words) for words in self._words]

    def run(self, docs: list[Doc]) -> None:
        """Annotate them."""
        for _ in self._nlp.pipe(docs):
            pass

    def prepare_alone(self) -> list[Doc]:
        """New short documents."""
        return [Doc(self._nlp.vocab, words=words[:SHORT]) for words in self._words[:ALONE]]

    def run_alone(self, docs: list[Doc]) -> None:
        """Annotate them one by one."""
        for doc in docs:
            self._nlp(doc)


class Training:
    """A training under way, as `spacy train` does it, but without evaluation."""

    def __init__(self, config_path: str, seed: int) -> None:
        fix_random_seed(seed)
        given = load_config(config_path, overrides={"training.seed": seed}, interpolate=False)
        nlp = init_nlp(given, use_gpu=-1)
        config = nlp.config.interpolate()
        settings = registry.resolve(config["training"], schema=ConfigSchemaTraining)
        (corpus,) = resolve_dot_names(config, [settings["train_corpus"]])
        self._steps: Iterator[Any] = train_while_improving(
            nlp,
            settings["optimizer"],
            create_train_batches(nlp, corpus, settings["batcher"], 0),
            evaluate=lambda: (0.0, {}),
            dropout=settings["dropout"],
            accumulate_gradient=settings["accumulate_gradient"],
            patience=0,
            max_steps=0,
            eval_frequency=sys.maxsize,
            exclude=[],
            annotating_components=[],
            before_update=settings["before_update"],
        )

    def run(self, steps: int) -> None:
        """Go so many steps further."""
        for _ in islice(self._steps, steps):
            pass


def timed(call: Callable[[Any], None], given: Any) -> dict[str, float]:
    """Seconds of a call: elapsed, and of the processor in all threads of this process."""
    gc.collect()
    elapsed, cpu = time.perf_counter(), time.process_time()
    call(given)
    return {"elapsed": time.perf_counter() - elapsed, "cpu": time.process_time() - cpu}


def serve(settings: dict[str, Any], requests: Any, answers: Any) -> None:
    """Warm up, say so by an empty answer, and then answer each request."""
    predicting = Predicting(settings["model"], settings["corpus"], settings["words"])
    training = Training(settings["config"], settings["seed"])

    def predict() -> dict[str, float]:
        return timed(predicting.run, predicting.prepare())

    def latency() -> dict[str, float]:
        return timed(predicting.run_alone, predicting.prepare_alone())

    def train() -> dict[str, float]:
        return timed(training.run, settings["steps"])

    tasks = {"predict": predict, "latency": latency, "train": train}
    for _ in range(settings["warmup"]):
        for run in tasks.values():
            run()
    print("{}", file=answers, flush=True)
    for request in requests:
        print(json.dumps(tasks[request.strip()]()), file=answers, flush=True)


if __name__ == "__main__":
    # What the package prints goes to stderr.
    answers_to = os.fdopen(os.dup(1), "w", encoding="utf8")
    os.dup2(2, 1)
    serve(json.loads(sys.argv[1]), sys.stdin, answers_to)
