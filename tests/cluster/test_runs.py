"""Runs of a comparison on a cluster: those of this machine, whatever is lost, or fails."""

import json
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import spacy
from evaluation.test_runs import _config
from spacy.tokens import Doc, DocBin

from spacy_mtl.cluster.runs import on_cluster
from spacy_mtl.evaluation.runs import Result, Run, RunError, execute

STEPS: dict[str, Any] = {"max_steps": 6, "eval_frequency": 3}
# A callback that waits at the second step until it may go on, and says whose child it is.
CODE = """
import os, time
from pathlib import Path
import spacy

@spacy.registry.callbacks("waiting.v1")
def make(folder: str):
    def before_update(nlp, info):
        if info["step"] == 2:
            (Path(folder) / str(os.getpid())).write_text(str(os.getppid()))
            end = time.monotonic() + 60
            while not (Path(folder) / "go").exists() and time.monotonic() < end:
                time.sleep(0.02)
    return before_update
"""


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


@pytest.fixture(scope="module")
def local(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    """Two runs by this machine."""
    runs = [run(folder, seed, **STEPS) for seed in (0, 1)]
    return execute(runs, tmp_path_factory.mktemp("local"))


def assert_same(remote: list[Result], local: list[Result]) -> None:
    for here, there in zip(local, remote, strict=True):
        assert there.scores == here.scores
        assert [row["score"] for row in there.history] == [row["score"] for row in here.history]


def test_results_are_those_of_this_machine(machines, folder, local, tmp_path):
    runs = [run(folder, seed, **STEPS) for seed in (0, 1)]
    with on_cluster("auto") as (carry_out, n_at_once):
        assert n_at_once == 3
        remote = execute(runs, tmp_path / "remote", jobs=n_at_once, carry_out=carry_out)
    assert_same(remote, local)
    for there in remote:
        assert json.loads((there.folder / "run.json").read_text())["seed"] == there.seed


def test_a_run_that_fails_is_told_as_here(machines, folder, tmp_path):
    bad = run(folder, max_steps=6)
    bad.config["training"]["optimizer"] = {"@optimizers": "nobody.v1"}
    with on_cluster("auto") as (carry_out, _), pytest.raises(RunError, match="ended with exit"):
        execute([bad], tmp_path, carry_out=carry_out)


def test_a_lost_machine_costs_its_runs_only(machines, folder, local, tmp_path):
    code, state = tmp_path / "waiting.py", tmp_path / "state"
    code.write_text(CODE, encoding="utf8")
    state.mkdir()
    waiting = {"@callbacks": "waiting.v1", "folder": str(state)}
    runs = [run(folder, seed, **STEPS, before_update=waiting) for seed in (0, 1)]
    runs = [replace(each, code=str(code)) for each in runs]
    found: list[Result] = []
    with on_cluster("auto") as (carry_out, n_at_once):
        results = {"jobs": n_at_once, "carry_out": carry_out}
        running = Thread(
            target=lambda: found.extend(execute(runs, tmp_path / "remote", **results)), daemon=True
        )
        running.start()
        while len(list(state.iterdir())) < 2:
            assert running.is_alive()
            time.sleep(0.02)
        at = {_parent(int(place.read_text())) for place in state.iterdir()}
        lost = next(node for node in machines.worker_nodes if _raylet(node) in at)
        machines.remove_node(lost, allow_graceful=False)
        (state / "go").touch()
        running.join()
        machines.add_node(num_cpus=1, object_store_memory=10**8)
    assert len(list(state.iterdir())) == 4  # both, the lost one again, and "go"
    assert_same(found, local)


def _raylet(node: Any) -> int:
    """The process of a machine that starts all others on it."""
    process: int = node.all_processes["raylet"][0].process.pid
    return process


def _parent(process: int) -> int:
    said = subprocess.run(["ps", "-o", "ppid=", "-p", str(process)], capture_output=True, text=True)
    return int(said.stdout)
