"""Copies of this process, which are stopped at a place in their own work, not after a time."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def start(function: Callable[[], Any]) -> Any:
    """Call a function in a copy of this process."""
    process = multiprocessing.get_context("fork").Process(target=function)
    process.start()
    return process


def wait(process: Any) -> int:
    """The exit code of a process when it has ended."""
    process.join()
    return process.exitcode


def kill() -> None:
    """End this process at once: it can neither save nor clear up anything."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_after_calls(number: int) -> None:
    """Kill this process at the n-th call of a function from now on."""
    left = number

    def count(frame: Any, event: str, arg: Any) -> None:
        nonlocal left
        left -= event in ("call", "c_call")
        if left == 0:
            kill()

    sys.setprofile(count)


def was_killed(process: Any) -> bool:
    """Wait for a process; False if it has come to a good end."""
    code = wait(process)
    assert code in (0, -signal.SIGKILL)
    return code != 0
