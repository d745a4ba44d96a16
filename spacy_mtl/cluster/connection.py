"""A Ray cluster: to connect to it, and what fits on it."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import MTLError

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
    first line of its own."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MTLError):
            return str(seen)
        seen = getattr(seen, "cause", None) or seen.__cause__
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
