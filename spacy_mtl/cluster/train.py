"""A training by several workers on a Ray cluster.

Ray Train starts the workers and joins them in a process group of `torch.distributed`. Each makes
the pipeline from the config, draws the same batches, and trains on its part of each, see
`spacy_mtl.distributed`. If one is lost, all begin again from the last checkpoint.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import traceback
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, Any

from ..code_file import import_code
from ..errors import MTLError
from ..signals import raising_interrupted
from ..training.initialization import initialized
from ..training.output_folder import OutputFolder
from ..training.trainer import Frequency, train
from ..wording import counted
from ..workers import WorkerLost, Workers
from .connection import check_room, connected, enter, own_error, reason

LOSSES = 3  # of workers in a row, without a new checkpoint between, after which nobody tries again
_OWN = ".ray"  # what Ray Train keeps while it runs, in the output folder
_SHOW_SECONDS = 0.2  # between two looks at what there is to show
_WAIT_SECONDS = 300.0  # for a machine in place of one that is lost
_SILENT_SECONDS = 7 * 86_400  # that workers wait for the first one, which evaluates meanwhile


@dataclass(frozen=True)
class Job:
    """A training as its workers get it.

    config: as text, with all overrides. folder: for models and checkpoints, None for none. origin:
    see `train`, as are resume, overwrite and frequency. code: a Python file to import before.
    before: which training was in the folder; one that workers have begun since is gone on with.
    """

    config: str
    folder: OutputFolder | None = None
    origin: Mapping[str, Any] | None = None
    code: Path | None = None
    use_gpu: bool = False
    frequency: Frequency = Frequency()
    resume: bool = False
    overwrite: bool = False
    before: str | None = None

    @property
    def begun(self) -> str | None:
        """Which training is in the folder now, as far as can be told."""
        try:
            return None if self.folder is None else self.folder.run.get("run")
        except MTLError:  # what is broken can be overwritten
            return None


def train_on_ray(job: Job, address: str, workers: int, stdout: IO[str] = sys.stdout) -> None:
    """Train, and go on from the last checkpoint when a worker was lost.

    address: see `spacy_mtl.cluster.connection.connected`. stdout: for what the first worker prints.
    RAISES (MTLError): If there is no such cluster, it is too small, or the training fails.
    (Interrupted): At SIGINT or SIGTERM; the checkpoints that are there stay.
    """
    job = replace(job, before=job.begun)
    losses, step = 0, None
    with raising_interrupted(), connected(address, logs=False):
        check_room(workers, float(job.use_gpu))
        while True:
            try:
                _fit(job, workers, stdout)
                return
            except WorkerLost as error:
                reached = None if job.folder is None else job.folder.checkpoints.paths()[-1:]
                losses = 1 if reached != step else losses + 1
                step = reached
                if losses > LOSSES:
                    raise
                stdout.write(f"⚠ {error} All begin again from the last checkpoint.\n")
            check_room(workers, float(job.use_gpu), _WAIT_SECONDS)


def _fit(job: Job, workers: int, stdout: IO[str]) -> None:
    """Let Ray Train have it done once, in a thread, so that signals are for us.

    RAISES (WorkerLost): If it may be tried again. (MTLError): If that would not help.
    """
    from ray.exceptions import RayError
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer
    from ray.train.v2.api.exceptions import TrainingFailedError

    resources = {"CPU": 1.0, "GPU": 1.0} if job.use_gpu else {"CPU": 1.0}
    own = mkdtemp() if job.folder is None else str(job.folder.path.resolve() / _OWN)
    printed = Path(own) / "printed.txt"
    trainer = TorchTrainer(
        _work,
        train_loop_config={"job": job, "here": os.getcwd(), "printed": str(printed)},
        torch_config=TorchConfig(timeout_s=_SILENT_SECONDS),
        scaling_config=ScalingConfig(
            num_workers=workers, use_gpu=job.use_gpu, resources_per_worker=resources
        ),
        run_config=RunConfig(
            storage_path=own,
            failure_config=FailureConfig(max_failures=0, controller_failure_limit=0),
        ),
    )
    thread = ThreadPoolExecutor(1)
    try:
        _follow(thread.submit(trainer.fit), printed, stdout)
    except (TrainingFailedError, RayError) as error:
        failed = _own_failure(error)
        kind = WorkerLost if failed is None else MTLError
        raise kind(
            f"Expected {counted(workers, 'worker')} to train, got: {reason(failed or error)}"
        ) from error
    finally:
        thread.shutdown(wait=False)
        shutil.rmtree(own, ignore_errors=True)


def _follow(fit: Future[Any], printed: Path, stdout: IO[str]) -> None:
    """Wait for the end, and show what the first worker writes to a file."""
    begin, done = 0, False
    while not done:
        done = bool(wait([fit], _SHOW_SECONDS).done)
        if printed.exists():
            with printed.open("rb") as file:
                file.seek(begin)
                new = file.read()
            whole = len(new) if done else new.rfind(b"\n") + 1
            stdout.write(new[:whole].decode("utf-8", "replace"))
            stdout.flush()
            begin += whole
    fit.result()


def _own_failure(error: Any) -> MTLError | None:
    """That of a worker that failed by itself, if one did; the others then have lost it."""
    failures = (getattr(error, "worker_failures", None) or {}).values()
    own = (e for e in failures if isinstance(e, MTLError) and not isinstance(e, WorkerLost))
    return next(own, None)


def _work(settings: dict[str, Any]) -> None:
    """What each worker does.

    RAISES (MTLError): In place of any error, as not all of them can be sent.
    """
    from ..distributed.torch_workers import TorchWorkers

    enter(settings["here"])
    workers = TorchWorkers()
    path = settings["printed"] if workers.rank == 0 else os.devnull
    with _opened(path) as printed:
        try:
            _train(settings["job"], workers, printed)
        except WorkerLost:
            raise
        except Exception as error:
            if not isinstance(error, MTLError):
                traceback.print_exc(file=printed)
            raise own_error(error) from None


def _opened(path: str) -> IO[str]:
    try:
        return open(path, "a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise MTLError(
            f"Expected the output folder on every machine of the cluster, got none on "
            f"{platform.node()}: {error}. Put it on a disk that all share."
        ) from error


def _train(job: Job, workers: Workers, printed: IO[str]) -> None:
    import torch
    from ray.train.torch import get_device
    from thinc.api import Config

    torch.set_num_threads(1)
    if job.code is not None:
        import_code(job.code)
    gpu_id = get_device().index if job.use_gpu else -1
    nlp = initialized(Config().from_str(job.config, interpolate=False), gpu_id)
    again = job.begun != job.before
    train(
        nlp,
        job.folder,
        use_gpu=gpu_id,
        frequency=job.frequency,
        resume=job.resume or again,
        overwrite=job.overwrite and not again,
        origin=None if job.origin is None else dict(job.origin),
        stdout=printed,
        stderr=printed,
        workers=workers,
    )
