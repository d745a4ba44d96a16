"""SIGINT and SIGTERM, which end a training after the step that is being made."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

CAUGHT = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """A training was ended by a signal, after a checkpoint was written.

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
