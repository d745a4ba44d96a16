"""Parts of the input annotated by several processes, in order."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from ..errors import MTLError
from .annotator import Advance, Annotator, Part
from .parts import Parts
from .records import Source

START_METHOD = "spawn"  # a copy of a process with threads may hang

Make = Callable[[], Annotator]
Annotate = Callable[[Parts, Advance], Iterator[Part]]  # one part after the other, in their order
Engine = Callable[[Make], AbstractContextManager[Annotate]]


@dataclass(frozen=True)
class Processes:
    """An engine of so many processes of this machine."""

    number: int

    @contextmanager
    def __call__(self, make: Make) -> Iterator[Annotate]:
        """Inside, what annotates parts. make: called in each process."""
        with Workers(self.number, make) as workers:
            yield workers.annotate_all


class Workers:
    """Processes that each have the pipeline and annotate a part at a time.

    A context manager that ends them. One of them whose parent is killed ends by itself.

    number: of processes.
    make: called in each process, which it is sent to.
    """

    def __init__(self, number: int, make: Make) -> None:
        context: Any = get_context(START_METHOD)
        self._workers = []
        for _ in range(number):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, make), daemon=True)
            process.start()
            theirs.close()  # so that reading from it ends when the process does
            self._workers.append(_Worker(process, ours))

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()

    def annotate_all(self, parts: Iterable[Sequence[Source]], advance: Advance) -> Iterator[Part]:
        """Annotate all parts; the next one is read while the processes work.

        RAISES (MTLError): If a process cannot load the pipeline, or dies.
        """
        parts = iter(parts)
        busy: deque[_Worker] = deque()
        for worker, part in zip(self._workers, parts, strict=False):
            worker.send(part)
            busy.append(worker)
        while busy:
            upcoming = next(parts, None)
            worker = busy.popleft()
            done = worker.receive(advance)
            if upcoming is not None:
                worker.send(upcoming)
                busy.append(worker)
            yield done


class _Worker:
    def __init__(self, process: Any, connection: Connection) -> None:
        self.process = process
        self.connection = connection

    def send(self, part: Sequence[Source]) -> None:
        try:
            self.connection.send(part)
        except OSError as error:
            raise self._died() from error

    def receive(self, advance: Advance) -> Part:
        try:
            while isinstance(message := self.connection.recv(), int):
                advance(message)
        except (EOFError, OSError) as error:
            raise self._died() from error
        if isinstance(message, Exception):
            raise message
        return message

    def end(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()

    def _died(self) -> MTLError:
        self.process.join()
        code = self.process.exitcode
        hint = " (killed, often for want of memory)" if code == -9 else ""
        return MTLError(
            f"Expected a process to annotate a part, but it ended with exit code {code}{hint}. "
            "What is done is kept: --resume, perhaps with fewer --processes."
        )


def _work(connection: Connection, make: Make) -> None:
    """Answer each part with the number of documents of each batch, and then with the result."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    try:
        annotator = make()
        while True:
            connection.send(annotator.annotate(connection.recv(), connection.send))
    except (EOFError, OSError):  # the parent is no more
        return
    except MTLError as error:
        connection.send(error)
