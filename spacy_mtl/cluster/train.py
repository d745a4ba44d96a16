"""A training by several workers on a Ray cluster.

Ray Train starts the workers and joins them in a process group of `torch.distributed`. Each makes
the pipeline from the config, draws the same batches, and trains on its part of each, see
`spacy_mtl.distributed`. If one is lost, all begin again from the last checkpoint.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from ..code_file import import_code
from ..errors import MTLError
from ..training.fingerprint import fingerprint
from ..training.initialization import initialized
from ..training.output_folder import OutputFolder
from ..training.trainer import Frequency, train
from ..wording import counted
from .connection import check_room, connected, enter, reason

_OWN = ".ray"  # what Ray Train keeps while it runs, in the output folder


@dataclass(frozen=True)
class Job:
    """A training as its workers get it.

    config: as text, with all overrides. output: the folder for models and checkpoints, None for
    none. code: a Python file to import before. steps, seconds, keep: when checkpoints are written,
    and how many stay.
    """

    config: str
    output: str | None
    code: str | None
    use_gpu: bool
    steps: int
    seconds: float
    keep: int


def train_on_ray(job: Job, address: str, workers: int, failures: int = 3) -> None:
    """Train. What is in the output folder is gone on with, so that it must be checked before.

    address: see `spacy_mtl.cluster.connection.connected`. failures: how many times all begin again
    from the last checkpoint after a worker was lost; without an output folder, from the beginning.
    RAISES (MTLError): If there is no such cluster, it is too small, or the training fails.
    """
    with connected(address):
        from ray.exceptions import RayError
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer
        from ray.train.v2.api.exceptions import TrainingFailedError

        gpus = 1.0 if job.use_gpu else 0.0
        check_room(workers, gpus)
        storage = mkdtemp() if job.output is None else str(Path(job.output).resolve() / _OWN)
        trainer = TorchTrainer(
            _work,
            train_loop_config={**asdict(job), "here": os.getcwd()},
            scaling_config=ScalingConfig(
                num_workers=workers,
                use_gpu=job.use_gpu,
                resources_per_worker={"CPU": 1, "GPU": gpus},
            ),
            run_config=RunConfig(
                storage_path=storage, failure_config=FailureConfig(max_failures=failures)
            ),
        )
        try:
            trainer.fit()
        except (TrainingFailedError, RayError) as error:
            raise MTLError(
                f"Expected {counted(workers, 'worker')} to train, got: {reason(error)}"
            ) from error
        finally:
            shutil.rmtree(storage, ignore_errors=True)


def _work(settings: dict[str, Any]) -> None:
    """What each worker does."""
    import torch
    from thinc.api import Config

    from ..distributed.torch_workers import TorchWorkers

    enter(settings.pop("here"))
    job = Job(**settings)
    torch.set_num_threads(1)
    if job.code is not None:
        import_code(Path(job.code))
    workers = TorchWorkers()
    config = Config().from_str(job.config)
    folder, origin = None, None
    if job.output is not None:
        folder = OutputFolder(Path(job.output), job.keep)
        code = None if job.code is None else Path(job.code)
        origin = fingerprint(config.interpolate(), folder.path, code)
    gpu_id = 0 if job.use_gpu else -1
    nlp = initialized(config, gpu_id)
    leads = workers.rank == 0
    with open(os.devnull, "w") as silent:
        train(
            nlp,
            folder,
            use_gpu=gpu_id,
            frequency=Frequency(job.steps, job.seconds),
            resume=folder is not None and bool(folder.run),
            origin=origin,
            stdout=sys.stdout if leads else silent,
            stderr=sys.stderr if leads else silent,
            workers=workers,
        )
