"""The runs of a comparison as tasks on a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..evaluation.runs import Run, RunError, Spawn, spawn
from .connection import check_room, connected, enter, reason, room

RETRIES = 3  # of a run whose machine is lost


@contextmanager
def on_cluster(address: str) -> Iterator[tuple[Spawn, int]]:
    """Inside, what carries out a run on a cluster, and for how many it has room.

    The folders and files of runs are those of all machines.

    address: see `spacy_mtl.cluster.connection.connected`.
    RAISES (MTLError): If there is no such cluster.
    """
    with connected(address, logs=False):
        import ray
        from ray.exceptions import RayError

        check_room(1)

        def on_any(run: Run, folder: Path, threads: int, keep_model: bool) -> None:
            task = ray.remote(num_cpus=threads, max_retries=RETRIES)(_spawn)
            try:
                ray.get(task.remote(os.getcwd(), run, folder, threads, keep_model))
            except RayError as error:
                cause = getattr(error, "cause", None)
                if isinstance(cause, RunError):  # as a local run would raise it
                    raise cause from error
                raise RunError(
                    f"Expected run '{run.name}' (seed {run.seed}) to end on the cluster, got: "
                    f"{reason(error)}"
                ) from error

        yield on_any, room()


def _spawn(here: str, run: Run, folder: Path, threads: int, keep_model: bool) -> None:
    enter(here)
    spawn(run, folder, threads, keep_model)
