"""A Ray cluster: to connect to it, and what fits on it."""

from __future__ import annotations

import logging
import math
import os
import platform
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from ..errors import MTLError, one_line
from ..signals import CAUGHT
from ..wording import counted

LOCAL = "local"
AUTO = "auto"
ANSWER_SECONDS = 5.0  # within which a cluster must answer; Ray itself would wait for 80


@contextmanager
def connected(address: str, logs: bool = True) -> Iterator[None]:
    """Inside, this process is connected to a cluster.

    address: "local" for one of this machine alone, which ends with this process; "auto", or
        HOST:PORT, for one that runs.
    logs: whether what processes on it print is printed here too.
    RAISES (MTLError): If Ray is not installed, or there is no such cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address not in (LOCAL, AUTO):
        _check_answers(address)
    try:
        import ray
    except ImportError as error:
        raise MTLError(
            "Expected Ray to be installed for --ray, got none. Install the extra: "
            "pip install 'spacy-mtl[ray]'"
        ) from error
    if ray.is_initialized():  # by whoever calls us
        yield
        return
    try:
        with _kept_handlers():
            ray.init(
                address,
                include_dashboard=False if address == LOCAL else None,
                logging_level=logging.ERROR,
                log_to_driver=logs,
            )
    except (ray.exceptions.RayError, ValueError, RuntimeError, OSError, SystemExit) as error:
        raise MTLError(
            f"Expected a Ray cluster at {address}, got: {one_line(error)}. Name one that runs as "
            f"HOST:PORT, or {LOCAL} for one of this machine. If it asks for a token, that must be "
            "in ~/.ray/auth_token here too, and RAY_AUTH_MODE=token in the environment."
        ) from error
    quiet()
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _kept_handlers() -> Iterator[None]:
    """Behind it, signals do what they did before, as Ray has its own ideas of some."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in CAUGHT}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def quiet() -> None:
    """Let Ray's libraries log errors alone: what else a user needs to know is said by us."""
    for name in ("ray.data", "ray.train"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _check_answers(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        raise MTLError(
            f"Expected {LOCAL}, {AUTO} or HOST:PORT as the address of a Ray cluster, got {address}."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise MTLError(
            f"Expected a Ray cluster at {address}, got no answer: {error}. `ray start --head` "
            "prints the address of one that it begins."
        ) from error


def room(gpus: float = 0.0) -> int:
    """How many processes the cluster has room for that take a CPU each, and so many GPUs."""
    import ray

    return sum(
        _times(machine["Resources"], gpus) for machine in ray.nodes() if machine.get("Alive")
    )


def _times(resources: dict[str, float], gpus: float) -> int:
    cpus = int(resources.get("CPU", 0))
    return min(cpus, math.floor(resources.get("GPU", 0) / gpus + 1e-6)) if gpus else cpus


def check_room(number: int, gpus: float = 0.0, seconds: float = 0.0) -> None:
    """Check that so many processes have a CPU each, and so many GPUs, on some machine.

    Says so where others are busy with them now. seconds: to wait for machines.
    RAISES (MTLError): If the cluster is smaller.
    """
    import ray

    end = time.monotonic() + seconds
    while room(gpus) < number and time.monotonic() < end:
        time.sleep(1.0)
    if room(gpus) < number:
        raise MTLError(
            f"Expected a cluster with a CPU{f' and {gpus:g} GPUs' if gpus else ''} for each of "
            f"{number}, got one with room for {room(gpus)}. Ask for fewer."
        )
    free = int(ray.available_resources().get("CPU", 0))
    if not seconds and free < number:
        typer.echo(f"ℹ Waiting for {counted(number, 'CPU')}, of which {free} are free.", err=True)


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


def own_error(error: Exception) -> MTLError:
    """An error as one that can be sent from one process to another."""
    if isinstance(error, MTLError):
        return MTLError(str(error))
    return MTLError(f"{type(error).__name__}: {error}")


def reason(error: BaseException) -> str:
    """Why something on the cluster failed: the error of ours that is behind one of Ray's, or the
    first line of the one that is behind all others."""
    chain = list(_behind(error))
    own = next((each for each in chain if isinstance(each, MTLError)), None)
    if own is not None:
        return str(own)
    last = next((each for each in reversed(chain) if str(each).strip()), chain[-1])
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
            *failures.values(),
            *(getattr(here, name, None) for name in ("controller_failure", "cause")),
            here.__cause__,
        )
        here = next((each for each in links if isinstance(each, BaseException)), None)
