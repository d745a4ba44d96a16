"""Processes that train one pipeline, joined by torch.distributed."""

import os
import signal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from thinc.api import Config
from training.runs import mixed

from spacy_mtl.optimizing.parameter_state import on_host, value_of
from spacy_mtl.optimizing.parameters import named_parameters
from spacy_mtl.training.initialization import initialized
from spacy_mtl.training.output_folder import OutputFolder
from spacy_mtl.training.trainer import Frequency, train
from spacy_mtl.workers import WorkerLost

pytest.importorskip("torch", reason="torch is not installed")

STEPS, EVERY = 12, 3  # of the training, and from one checkpoint to the next
LOST = 17  # exit code of a process that has lost another


def config_of(folder: Path, dropout: float) -> Config:
    folder.mkdir(exist_ok=True)
    config = mixed(folder)
    config["training"].update(dropout=dropout, max_steps=STEPS, eval_frequency=4)
    return config


def together(number: int, config: Config, output: Path, **how: Any) -> list[int]:
    """The exit codes of so many processes that train. how: see `_work`."""
    context = get_context("spawn")
    output.mkdir(exist_ok=True)
    meeting = output / f"meeting-{len(list(output.iterdir()))}"
    args = (number, f"file://{meeting}", config.to_str(), output, how)
    processes = [context.Process(target=_work, args=(rank, *args)) for rank in range(number)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def _work(
    rank: int, number: int, meeting: str, config: str, output: Path, how: dict[str, Any]
) -> None:
    """how: whether to "resume", and the step at which the last one "dies"."""
    import torch
    import torch.distributed as dist

    from spacy_mtl.distributed.torch_workers import TorchWorkers

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=number)

    def observe(state: Any, batch: Any) -> None:
        if rank == number - 1 and state.progress.steps == how.get("dies"):
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        with open(os.devnull, "w") as silent:
            train(
                initialized(Config().from_str(config, interpolate=False)),
                OutputFolder(output),
                frequency=Frequency(EVERY),
                resume=how.get("resume", False),
                stdout=silent,
                stderr=silent,
                observe=observe,
                workers=TorchWorkers(),
            )
    except WorkerLost:
        os._exit(LOST)


def parameters(output: Path) -> dict[str, np.ndarray]:
    nlp = spacy.load(output / "model-last")
    return {p.name: on_host(value_of(p)) for p in named_parameters(nlp)}


def test_a_lost_process_changes_nothing(tmp_path: Path) -> None:
    """With dropout: its random numbers are those of the worker and the step."""
    config = config_of(tmp_path / "corpora", dropout=0.3)
    assert together(2, config, tmp_path / "never") == [0, 0]
    assert together(2, config, tmp_path / "lost", dies=8) == [LOST, -signal.SIGKILL]
    there = OutputFolder(tmp_path / "lost").checkpoints.paths()
    assert there[-1].name == "step-00000006"
    assert together(2, config, tmp_path / "lost", resume=True) == [0, 0]
    expected, found = (parameters(tmp_path / name) for name in ("never", "lost"))
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert together(2, config, tmp_path / "never", resume=True) == [0, 0]  # it is finished


def test_another_number_of_processes_goes_on(tmp_path: Path) -> None:
    """Without dropout, with the model of a single one."""
    config = config_of(tmp_path / "corpora", dropout=0.0)
    train(initialized(config), OutputFolder(tmp_path / "one"))
    assert together(2, config, tmp_path / "more", dies=8)[1] == -signal.SIGKILL
    assert together(3, config, tmp_path / "more", resume=True) == [0, 0, 0]
    expected, found = (parameters(tmp_path / name) for name in ("one", "more"))
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=1e-5, err_msg=name)
