"""Runs of a comparison on a cluster: those of this machine, and one that fails."""

import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from evaluation.test_runs import _config
from spacy.tokens import Doc, DocBin

from spacy_mtl.cluster.runs import on_cluster
from spacy_mtl.evaluation.runs import Run, RunError, execute


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    vocab = spacy.blank("en").vocab
    docs = [Doc(vocab, words=["dogs", "bark", "."], tags=["NNS", "VBP", "."]) for _ in range(8)]
    for name in ("train", "test"):
        DocBin(docs=docs).to_disk(folder / f"{name}.spacy")
    return folder


def run(folder: Path, seed: int = 0, **training: Any) -> Run:
    return Run("tiny", _config(folder, **training), seed, str(folder / "test.spacy"))


def test_results_are_those_of_this_machine(machines, folder, tmp_path):
    runs = [run(folder, seed, max_steps=6, eval_frequency=3) for seed in (0, 1)]
    local = execute(runs, tmp_path / "local")
    with on_cluster("auto") as (carry_out, n_at_once):
        assert n_at_once == 3
        remote = execute(runs, tmp_path / "remote", jobs=n_at_once, carry_out=carry_out)
    for here, there in zip(local, remote, strict=True):
        assert there.scores == here.scores
        assert [row["score"] for row in there.history] == [row["score"] for row in here.history]
        assert json.loads((there.folder / "run.json").read_text())["seed"] == there.seed


def test_a_run_that_fails_is_told_as_here(machines, folder, tmp_path):
    bad = run(folder, max_steps=6)
    bad.config["training"]["optimizer"] = {"@optimizers": "nobody.v1"}
    with on_cluster("auto") as (carry_out, _), pytest.raises(RunError, match="ended with exit"):
        execute([bad], tmp_path, carry_out=carry_out)
