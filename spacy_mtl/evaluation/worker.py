"""The process that carries out one run: `python -m spacy_mtl.evaluation.worker FOLDER`."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.training.loop import DIR_MODEL_BEST, train
from thinc.api import Config

from ..code_file import import_code
from ..corpora.coverage import files_of
from ..corpora.readers import gold_token_examples
from ..layers import attributes
from ..pipeline.live import multitasks
from ..training.initialization import initialized
from .runs import HISTORY, MODEL, PREDICTIONS, RESULT, SPEC
from .scores import score_examples

MODELS = "models"
SPEED_SECONDS = 1.0  # to measure the speed for, at least
STDIN = 0


def work(folder: Path, keep_model: bool = False) -> None:
    """Train what `folder/run.json` describes and write its result beside it."""
    spec = json.loads((folder / SPEC).read_text(encoding="utf8"))
    if spec["code"] is not None:
        import_code(spec["code"])
    started = time.perf_counter()
    nlp = _train(spec, folder)
    seconds = time.perf_counter() - started
    files = files_of([spec["test"]])
    examples = [example for file in files for example in gold_token_examples(file, nlp)]
    speed = _words_per_second(nlp, examples)
    for component in multitasks(nlp).values():
        component.confidences = True
    for example, doc in zip(examples, nlp.pipe([eg.predicted for eg in examples]), strict=True):
        example.predicted = doc
    _write_predictions(examples, folder / PREDICTIONS)
    best = folder / MODELS / DIR_MODEL_BEST
    result = {
        "name": spec["name"],
        "seed": spec["seed"],
        "scores": score_examples(examples),
        "train_seconds": seconds,
        "words_per_second": speed,
        "bytes": sum(file.stat().st_size for file in best.rglob("*") if file.is_file()),
        "history": _history(folder / HISTORY),
    }
    part = folder / (RESULT + ".part")
    part.write_text(json.dumps(result, indent=1), encoding="utf8")
    os.replace(part, folder / RESULT)
    if keep_model:
        shutil.rmtree(folder / MODEL, ignore_errors=True)
        best.rename(folder / MODEL)
    shutil.rmtree(folder / MODELS)


def _train(spec: dict[str, Any], folder: Path) -> Language:
    """Train, and load the checkpoint that was best on the development data."""
    log = folder / HISTORY
    log.unlink(missing_ok=True)
    config = Config(spec["config"])
    config["training"]["seed"] = spec["seed"]
    config["training"]["logger"] = {
        "@loggers": "spacy_mtl.ConsoleLogger.v1",
        "progress_bar": None,
        "console_output": True,
        "output_file": str(log),
    }
    models = folder / MODELS
    models.mkdir(exist_ok=True)
    nlp = initialized(config)
    train(nlp, models, use_gpu=-1)
    return spacy.load(models / DIR_MODEL_BEST)


def _words_per_second(nlp: Language, examples: list[Example]) -> float:
    """The median speed of several passes over the test documents, the first not counted."""
    n_words = sum(len(example.predicted) for example in examples)
    speeds: list[float] = []
    while len(speeds) < 4 or (
        sum(n_words / speed for speed in speeds) < SPEED_SECONDS and len(speeds) < 20
    ):
        docs = [example.predicted.copy() for example in examples]
        started = time.perf_counter()
        for _ in nlp.pipe(docs):
            pass
        speeds.append(n_words / (time.perf_counter() - started))
    return median(speeds[1:])


def _write_predictions(examples: list[Example], path: Path) -> None:
    attrs = ["ORTH", "SPACY", *attributes()]
    docs = DocBin(attrs=attrs, docs=[eg.predicted for eg in examples], store_user_data=True)
    docs.to_disk(path)


def _history(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf8").splitlines()]


def _end_with_parent() -> None:
    """End this process when the one that started it has ended, by whatever."""
    while os.read(STDIN, 1):  # not sys.stdin, whose lock would be held when Python ends
        pass
    os._exit(1)


if __name__ == "__main__":
    Thread(target=_end_with_parent, daemon=True).start()
    work(Path(sys.argv[1]), "--keep-model" in sys.argv[2:])
