"""A Ray cluster: to connect to it, and what fits on it."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import MTLError, one_line

LOCAL = "local"


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Inside, this process is connected to a cluster.

    address: "local" for one of this machine alone, which ends with this process; "auto", or
        HOST:PORT, for one that runs.
    RAISES (MTLError): If Ray is not installed, or there is no such cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise MTLError(
            "Expected Ray to be installed for --ray, got none. Install the extra: "
            "pip install 'spacy-mtl[ray]'"
        ) from error
    for name in ("ray.data", "ray.train"):  # what a user needs to know is said by us
        logging.getLogger(name).setLevel(logging.ERROR)
    if ray.is_initialized():  # by whoever calls us
        yield
        return
    try:
        ray.init(
            None if address == LOCAL else address,
            include_dashboard=False if address == LOCAL else None,
            logging_level=logging.WARNING,
        )
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise MTLError(
            f"Expected a Ray cluster at {address}, got: {error}. Name one that runs as HOST:PORT, "
            f"or {LOCAL} for one of this machine."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def check_room(number: int, gpus: float = 0.0) -> None:
    """Check that so many processes have a CPU each, and so many GPUs.

    RAISES (MTLError): If the cluster is smaller.
    """
    import ray

    there = ray.cluster_resources()
    n_cpus, n_gpus = there.get("CPU", 0.0), there.get("GPU", 0.0)
    if number > n_cpus or number * gpus > n_gpus:
        raise MTLError(
            f"Expected a cluster with a CPU{f' and {gpus:g} GPUs' if gpus else ''} for each of "
            f"{number}, got one of {n_cpus:g} CPUs and {n_gpus:g} GPUs. Ask for fewer."
        )


def enter(folder: str) -> None:
    """Let relative paths mean in this process what they mean in the one that sent it.

    RAISES (MTLError): If there is no such folder on this machine.
    """
    try:
        os.chdir(folder)
    except OSError as error:
        raise MTLError(
            f"Expected the folder {folder} on every machine of the cluster, got none on "
            f"{platform.node()}. Put model, data and output on a disk that all share."
        ) from error


def reason(error: BaseException) -> str:
    """Why something on the cluster failed: the error of ours that is behind one of Ray's, or the
    first line of the one that is behind all others."""
    chain = list(_behind(error))
    own = next((each for each in chain if isinstance(each, MTLError)), None)
    if own is not None:
        return str(own)
    last = chain[-1]
    return f"{type(last).__name__}: {one_line(last)}"


def _behind(error: BaseException) -> Iterator[BaseException]:
    """An error and those that caused it, the first worker's of several."""
    seen: set[int] = set()
    here: Any = error
    while isinstance(here, BaseException) and id(here) not in seen:
        seen.add(id(here))
        yield here
        failures = getattr(here, "worker_failures", None) or {}
        links = (
            next(iter(failures.values()), None),
            *(getattr(here, name, None) for name in ("controller_failure", "cause", "_base_exc")),
            here.__cause__,
        )
        here = next((each for each in links if isinstance(each, BaseException)), None)
