"""What the tests of the training log share: short trainings, and rows made by hand."""

import io
import json
from pathlib import Path
from typing import Any

from pipeline.helpers import make_nlp, write_corpus
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.training.loop import train

from spacy_mtl.training.log.rows import Row, TaskFigures

OURS = {"@loggers": "spacy_mtl.ConsoleLogger.v1"}
SCORES = {"tagger_acc": 0.5, "ner_f": 0.5, "sentiment_macro_auc": 0.0, "ents_p": None}
TASKS = ("tagger", "ner", "sentiment")


def run(
    folder: Path,
    nlp: Language | None = None,
    layers: Any = TASKS,
    log: dict[str, Any] = OURS,
    dev: Any = TASKS,
    **training: Any,
) -> str:
    """Train for five steps with spaCy's loop, into `folder`/out; what it printed."""
    nlp = make_nlp(TASKS, conflict_every=1) if nlp is None else nlp
    config: Any = nlp.config.copy()
    for name, own in (("train", layers), ("dev", dev)):
        config["paths"][name] = str(write_corpus(folder / f"{name}.spacy", nlp, own))
    config["training"].update(max_steps=4, eval_frequency=2, patience=0, score_weights=SCORES)
    config["training"].update(logger=log, **training)
    stdout = io.StringIO()
    (folder / "out").mkdir()
    train(init_nlp(config), folder / "out", stdout=stdout, stderr=io.StringIO())
    return stdout.getvalue()


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def step_info(step: int, words: int = 0, score: float = 0.5, **fields: Any) -> dict[str, Any]:
    """What spaCy's loop says of an evaluation."""
    checkpoints = [(0.4, 0), (score, step)]
    info = {"epoch": 0, "step": step, "words": words, "score": score, "checkpoints": checkpoints}
    return {**info, "losses": {}, "other_scores": {}, **fields}


def make_row(tasks: Any = TASKS, **fields: Any) -> Row:
    """A row with the same figures for each of the tasks, or with those of a dict."""
    if not isinstance(tasks, dict):
        tasks = dict.fromkeys(tasks, TaskFigures(0.5, 1.0, 0.25))
    values: dict[str, Any] = {
        "epoch": 2,
        "step": 1200,
        "best": True,
        "score": 0.61234,
        "tasks": tasks,
        "other": {},
        "losses": {},
        "weights": {},
        "scores": {},
        "words": 10,
        "seconds": 1.0,
        "words_per_second": 12345.6,
        "seconds_left": 3725.0,
        "conflict": {},
    }
    return Row(**{**values, **fields})
