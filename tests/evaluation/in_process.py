"""Runs and measurements without processes of their own, which take seconds to start."""

import json
from pathlib import Path
from typing import Any

import pytest

from spacy_mtl.evaluation import runs, worker
from spacy_mtl.speed import measure
from spacy_mtl.speed.worker import System


def train_in_process(patch: pytest.MonkeyPatch, but: runs.Run | None = None) -> None:
    """Let runs `but` one be trained in this process, with few passes to measure the speed."""
    spawn = runs.spawn

    def work(run: runs.Run, folder: Path, threads: int, keep_model: bool) -> None:
        if run == but:
            spawn(run, folder, threads, keep_model)
        else:
            worker.work(folder, keep_model)

    patch.setattr(runs, "spawn", work)
    patch.setattr(worker, "SPEED_SECONDS", 0.0)


class Worker:
    """In place of `speed.measure.Worker`: the system to be measured is in this process."""

    def __init__(self, name: str, threads: int) -> None:
        self._system = System()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, task: str, **arguments: Any) -> Any:
        """As through the pipe, what goes in and out is JSON."""
        given = json.loads(json.dumps(arguments))
        return json.loads(json.dumps(getattr(self._system, task)(**given)))


def measure_in_process(patch: pytest.MonkeyPatch) -> None:
    """Let systems be measured in this process."""
    patch.setattr(measure, "Worker", Worker)
