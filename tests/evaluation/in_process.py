"""Runs without processes of their own, which take seconds to start."""

from pathlib import Path

import pytest

from spacy_mtl.evaluation import runs, worker


def train_in_process(patch: pytest.MonkeyPatch) -> None:
    """Let runs be trained in this process."""

    def work(run: runs.Run, folder: Path, threads: int, keep_model: bool) -> None:
        worker.work(folder, keep_model)

    patch.setattr(runs, "_spawn", work)
