"""A task that has only an error is trained to the smallest one."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from pipeline.helpers import make_nlp
from spacy.language import Language
from spacy.training import Corpus
from spacy.training.initialize import init_nlp
from spacy.training.loop import train

from .regressor import BLOCKS, write_levels

pytestmark = pytest.mark.usefixtures("levels")


def config(folder: Path, **training: Any) -> Any:
    """Steps so long that the error goes up and down."""
    nlp = make_nlp({"level": BLOCKS["level"]})
    found: Any = nlp.config.copy()
    for name in ("train", "dev"):
        found["paths"][name] = write_levels(folder / f"{name}.spacy", nlp)
    found["training"].update(max_steps=24, eval_frequency=2, patience=0)
    found["training"]["optimizer"]["learn_rate"] = 0.1
    others = Language.get_factory_meta("multitask").default_score_weights
    found["training"]["score_weights"] = {**dict.fromkeys(others or {}), "level_score": 1.0}
    found["training"]["logger"] = {"@loggers": "spacy_mtl.ConsoleLogger.v1"}
    found["training"].update(training)
    return found


def run(config: Any, output: Path) -> list[dict[str, Any]]:
    """Train with spaCy's loop; the rows of the log."""
    output.mkdir()
    train(init_nlp(config), output, stdout=io.StringIO(), stderr=io.StringIO())
    return [json.loads(line) for line in (output / "training.jsonl").read_text().splitlines()]


def test_the_best_checkpoint_has_the_smallest_error(tmp_path: Path) -> None:
    rows = run(config(tmp_path), tmp_path / "out")
    errors = [row["scores"]["level_errors"]["mean absolute error"] for row in rows]
    best = int(np.argmin(errors))
    assert 0 < best < len(errors) - 1 and errors[-1] > 1.1 * errors[best]
    assert [row["score"] for row in rows] == pytest.approx([1 / (1 + e) for e in errors])
    nlp = spacy.load(tmp_path / "out" / "model-best")
    scores = nlp.evaluate(list(Corpus(tmp_path / "dev.spacy")(nlp)))
    assert scores["level_errors"]["mean absolute error"] == pytest.approx(errors[best], rel=1e-4)
    recorded = nlp.get_pipe("multitask").history.scores("level")  # type: ignore[attr-defined]
    assert recorded == [scores["level_score"]]  # what gaps and patience go by


def test_an_error_has_no_weight_in_what_is_maximised(tmp_path: Path) -> None:
    weights = {"level_score": 0.5, "level_errors": 0.5}
    with pytest.raises(ValueError, match="level_errors"):
        run(config(tmp_path, score_weights=weights), tmp_path / "out")
