"""SIGINT and SIGTERM, which end a training after the step that is being made."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ..signals import CAUGHT, Interrupted, raising_interrupted


class Stopped(Exception):
    """A training was ended by a signal, after a checkpoint was written if there was a step.

    message (str): What to tell the user. signum (int): The signal.
    """

    def __init__(self, message: str, signum: int) -> None:
        self.signum = signum
        super().__init__(message)


class StopSignals:
    """Notes the first of the signals while it is entered; the second has its usual effect.

    received: the signal, None before it.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():  # others may not
            self._before = {signum: signal.signal(signum, self._receive) for signum in CAUGHT}
        return self

    def __exit__(self, *error: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)
        self._before = {}

    def _receive(self, signum: int, frame: FrameType | None) -> None:
        self.received = signum
        self.__exit__()


@contextmanager
def stopped_at_once() -> Iterator[None]:
    """While a training is made ready, let the signals raise `Stopped`."""
    try:
        with raising_interrupted():
            yield
    except Interrupted as error:
        message = f"Stopped by {error} before the first step: nothing to save."
        raise Stopped(message, error.number) from None
