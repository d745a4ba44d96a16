"""Measuring in a process of its own, with one thread for linear algebra."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .streaming import in_new_process

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def in_one_thread(function: Callable[..., Any], *args: Any) -> Any:
    """The function's result, from a new process whose libraries compute in one thread.

    They read these variables when they are imported, too early for this process.
    """
    before = dict(os.environ)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        return in_new_process(function, *args)
    finally:
        os.environ.clear()
        os.environ.update(before)
