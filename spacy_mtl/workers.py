"""Workers that train one pipeline together, and what they need to tell each other."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from .errors import MTLError

Array = Any  # of numpy, or of cupy


class WorkerLost(MTLError):
    """Another worker is no more, so that there is no training together."""


class Workers(Protocol):
    """The workers of a training, as one of them sees them.

    All call the same methods in the same order, with arrays of the same shapes and types, and each
    call waits for all. What they get is the same to the bit for all. If one does not answer, the
    others raise `WorkerLost`.

    number: of workers. rank: which of them this one is, from 0.
    """

    @property
    def number(self) -> int: ...

    @property
    def rank(self) -> int: ...

    def gather(self, array: Array) -> list[Array]:
        """The arrays of all workers, in the order of their ranks."""

    def add(self, array: Array) -> Array:
        """The sum of the arrays of all workers; it may take the place of the one that is given."""


class Alone:
    """A single worker, to which nobody else tells anything. See `Workers`."""

    number = 1
    rank = 0

    def gather(self, array: Array) -> list[Array]:
        """See `Workers`."""
        return [array]

    def add(self, array: Array) -> Array:
        """See `Workers`."""
        return array


ALONE = Alone()


def shared(workers: Workers, content: bytes | None) -> bytes:
    """What the first worker says, at all of them. content: of the first worker; of others None."""
    own = np.frombuffer(content or b"", dtype="uint8")
    sizes = workers.gather(np.asarray([len(own)], dtype="int64"))
    buffer = np.zeros(int(sizes[0][0]), dtype="uint8")
    if workers.rank == 0:
        buffer[:] = own
    return bytes(workers.add(buffer).tobytes())
