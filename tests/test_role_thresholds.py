"""The corpus and the measures of `benchmarks.thresholds`."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import thresholds
from benchmarks.corpora import docs_of
from spacy_mtl.evaluation.thresholds import LabelDecisions
from spacy_mtl.tasks.textcat_v2 import TextCat


def _row(words: str, *frames: list[list[object]]) -> str:
    tokens = words.split()
    rows = [{"predicate": 0, "sense": "be.01", "arguments": arguments} for arguments in frames]
    return json.dumps({"tokens": tokens, "spaces": [True] * len(tokens), "frames": rows})


def test_roles_of_sentences(tmp_path: Path) -> None:
    folder = tmp_path / thresholds.NAME
    folder.mkdir()
    for part, frames in {"train": [[[0, 0, "A"]], [[1, 1, "B"]]], "dev": [], "test": []}.items():
        (folder / f"{part}.jsonl").write_text(_row("a b", *frames) + "\n")
    (folder / "test.jsonl").write_text(_row("c", [[0, 0, "B"], [0, 0, "unknown"]]) + "\n")
    corpus = thresholds.prepare_roles(tmp_path, tmp_path / "cache")
    found = [docs_of(path)[0].cats for path in (corpus.train_all, corpus.dev, corpus.test)]
    assert found == [{"role=A": a, "role=B": b} for a, b in ((1, 1), (0, 0), (0, 1))]
    (folder / "dev.jsonl").unlink()  # converted once
    assert thresholds.prepare_roles(tmp_path, tmp_path / "cache") == corpus


def test_measures() -> None:
    task = TextCat(exclusive=False)
    task.set_labels(["A", "B", "C"])
    P = np.asarray([[0.9, 0.1, 0.6], [0.2, 0.1, 0.1]] * 10)
    gold = np.asarray([[1.0, 0, 0], [1, 0, 0]] * 10)
    found = LabelDecisions(task, task.labels, P, gold)
    validated = thresholds._validated(found, None, 0)
    assert validated.tolist() == [[10, 0, 10], [0, 0, 0], [0, 10, 0]]
    assert thresholds._f(validated) == pytest.approx([2 / 3, 1 / 3, 0.5])
    assert thresholds._validated(found, 0.0, 0).tolist() == [[20, 0, 0], [0, 0, 0], [0, 10, 0]]
