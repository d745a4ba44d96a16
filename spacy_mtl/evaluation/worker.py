"""The process that carries out one run: `python -m spacy_mtl.evaluation.worker FOLDER`."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from thinc.api import Config

from ..corpora.readers import gold_token_examples
from .runs import MODEL, PREDICTIONS, RESULT, SPEC
from .scores import score_examples

MODELS = "models"
ATTRS = ["ORTH", "SPACY", "TAG", "POS", "MORPH", "ENT_IOB", "ENT_TYPE"]


def work(folder: Path, keep_model: bool = False) -> None:
    """Train what `folder/run.json` describes and write its result beside it."""
    spec = json.loads((folder / SPEC).read_text(encoding="utf8"))
    started = time.perf_counter()
    nlp = _train(spec, folder)
    seconds = time.perf_counter() - started
    examples = list(gold_token_examples(Path(spec["test"]), nlp))
    for example, doc in zip(examples, nlp.pipe([eg.predicted for eg in examples]), strict=True):
        example.predicted = doc
    _write_predictions(examples, folder / PREDICTIONS)
    result = {
        "name": spec["name"],
        "seed": spec["seed"],
        "scores": score_examples(examples),
        "train_seconds": seconds,
        "history": _history(folder / "training.jsonl"),
    }
    part = folder / (RESULT + ".part")
    part.write_text(json.dumps(result, indent=1), encoding="utf8")
    os.replace(part, folder / RESULT)
    if keep_model:
        shutil.rmtree(folder / MODEL, ignore_errors=True)
        (folder / MODELS / "model-best").rename(folder / MODEL)
    shutil.rmtree(folder / MODELS)


def _train(spec: dict[str, Any], folder: Path) -> Language:
    """Train, and load the checkpoint that was best on the development data."""
    log = folder / "training.jsonl"
    log.unlink(missing_ok=True)
    config = Config(spec["config"])
    config["training"]["seed"] = spec["seed"]
    config["training"]["logger"] = {
        "@loggers": "spacy.ConsoleLogger.v3",
        "progress_bar": None,
        "console_output": True,
        "output_file": str(log),
    }
    models = folder / MODELS
    models.mkdir(exist_ok=True)
    nlp = init_nlp(config, use_gpu=-1)
    train(nlp, models, use_gpu=-1)
    return spacy.load(models / "model-best")


def _write_predictions(examples: list[Example], path: Path) -> None:
    docs = DocBin(attrs=ATTRS, docs=[eg.predicted for eg in examples])
    docs.to_disk(path)


def _history(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf8").splitlines()]


if __name__ == "__main__":
    work(Path(sys.argv[1]), "--keep-model" in sys.argv[2:])
