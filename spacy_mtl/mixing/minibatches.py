"""Batches of about so many words, document by document."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from spacy.training import Example

from ..errors import MTLError
from ..schedules import Setting


class BatchSizes:
    """The words that each batch should have, in the order in which batches are begun.

    It can go back as far as it was last told to start, so that batches can be made again.
    """

    def __init__(self, size: float | Iterable[float]) -> None:
        """size: a number of words, or a thinc schedule over the batches."""
        self._setting = Setting(size, "the batcher's `size`")
        self._values: list[float] = []  # of the numbers from `_start` on
        self._start = 0
        self.used = 0
        if isinstance(size, (int, float)):
            _check(size)

    def start(self, number: int) -> None:
        """Make the next size that of the batch with this number, from 0."""
        known = number - self._start
        self._values = self._values[known:] if known >= 0 else []
        self._start = number
        self.used = 0

    def next(self) -> float:
        """The size of the next batch."""
        if self.used == len(self._values):
            self._values.append(_check(self._setting.at(self._start + self.used)))
        self.used += 1
        return self._values[self.used - 1]


class WordBatches:
    """Gathers documents into the batches that `spacy.batch_by_words.v1` makes of the same.

    A batch takes documents up to its size, and those beyond that fit into the tolerance until one
    comes that does not; the latter begin the next batch. A document that is too long for any
    batch is one by itself, or left out.
    """

    def __init__(self, sizes: BatchSizes, tolerance: float, discard_oversize: bool) -> None:
        """tolerance: by which part of its size a batch may be larger."""
        self._sizes = sizes
        self._tolerance = tolerance
        self._discard_oversize = discard_oversize
        self._size = self._limit = 0.0
        self._batch: list[Example] = []
        self._beyond: list[Example] = []
        self._words = self._words_beyond = 0

    def add(self, example: Example) -> list[list[Example]]:
        """The batches that are complete with this next document: none, one or two."""
        n_words = len(example)
        if not self._size:
            self._begin([], 0)
        if n_words > self._limit:
            return [] if self._discard_oversize else [[example]]
        if self._take(example, n_words):
            return []
        complete = [self._batch]
        self._begin(self._beyond, self._words_beyond)
        if not self._take(example, n_words):
            complete.append(self._batch)
            self._begin([example], n_words)
        return [batch for batch in complete if batch]

    def flush(self) -> list[list[Example]]:
        """The last batch, if there is one."""
        last = [*self._batch, *self._beyond]
        self._batch, self._beyond, self._size = [], [], 0.0
        return [last] if last else []

    def _begin(self, examples: list[Example], n_words: int) -> None:
        self._size = self._sizes.next()
        self._limit = self._size + self._size * self._tolerance
        self._batch, self._words = examples, n_words
        self._beyond, self._words_beyond = [], 0

    def _take(self, example: Example, n_words: int) -> bool:
        """Put a document into the batch or beyond it, unless it does not fit."""
        if not self._words_beyond and self._words + n_words <= self._size:
            self._batch.append(example)
            self._words += n_words
        elif self._words + self._words_beyond + n_words <= self._limit:
            self._beyond.append(example)
            self._words_beyond += n_words
        else:
            return False
        return True


def _check(size: Any) -> float:
    if not math.isfinite(size) or size <= 0:
        raise MTLError(f"Expected a number of words above 0 as the batcher's `size`, got {size}.")
    return float(size)
