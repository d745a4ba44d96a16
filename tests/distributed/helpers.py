"""Workers that are threads of this process."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
SECONDS = 60.0  # after which a worker that waits for one that has failed gives up


class Board:
    """Where workers leave arrays for each other."""

    def __init__(self, number: int) -> None:
        self.barrier = Barrier(number)
        self.arrays: list[Any] = [None] * number


class ThreadWorkers:
    """See `spacy_mtl.workers.Workers`. exchanged: the shapes of what was told, in order."""

    def __init__(self, board: Board, rank: int) -> None:
        self._board = board
        self.number = len(board.arrays)
        self.rank = rank
        self.exchanged: list[tuple[int, ...]] = []

    def gather(self, array: Any) -> list[Any]:
        self.exchanged.append(array.shape)
        self._board.arrays[self.rank] = array.copy()
        self._board.barrier.wait(SECONDS)
        found = [each.copy() for each in self._board.arrays]
        self._board.barrier.wait(SECONDS)
        return found

    def add(self, array: Any) -> Any:
        return np.sum(self.gather(array), axis=0, dtype=array.dtype)


def together(number: int, work: Callable[[ThreadWorkers], T]) -> list[T]:
    """What each of so many workers returns, in the order of their ranks."""
    board = Board(number)

    def one(rank: int) -> T:
        try:
            return work(ThreadWorkers(board, rank))
        except BaseException:
            board.barrier.abort()
            raise

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))
