"""From pieces of documents to windows that a transformer reads, in batches of like lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from .pieces import Pieces


@dataclass(frozen=True)
class Window:
    """Some pieces of a document that are read together.

    doc: the number of the document in its batch. start, end: the pieces that are read; first,
    last: those of them, from `first` up to `last`, whose vectors are taken from here.
    """

    doc: int
    start: int
    end: int
    first: int
    last: int

    def __len__(self) -> int:
        return self.end - self.start


def windows_of(pieces: Sequence[Pieces], size: int, overlap: int) -> list[Window]:
    """Windows of up to `size` pieces, about equally long ones of the same document.

    Each piece's vector is taken from one window, in which there are up to `overlap` / 2 pieces
    more on either side. Windows begin with a token, if that is not longer than a window.
    """
    return [w for number, each in enumerate(pieces) for w in _cut(number, each, size, overlap)]


def _cut(doc: int, pieces: Pieces, size: int, overlap: int) -> Iterator[Window]:
    total = len(pieces.ids)
    if total <= size:
        if total:
            yield Window(doc, 0, total, 0, total)
        return
    begins = np.unique(pieces.first)
    at = 0
    while at < total:
        left = total - at
        end = at + ceil(left / ceil(left / (size - overlap)))
        if end < total:
            begin = int(begins[np.searchsorted(begins, end, side="right") - 1])
            end = begin if begin > at else end
        side = overlap // 2
        yield Window(doc, max(0, at - side), min(total, end + side), at, end)
        at = end


def batches_of(windows: Sequence[Window], special: int, limit: int) -> Iterator[list[int]]:
    """The windows' numbers from the longest to the shortest, in batches of up to `limit` pieces.

    special: the number of special pieces around each, which are counted, as is padding.
    """
    order = sorted(range(len(windows)), key=lambda number: -len(windows[number]))
    batch: list[int] = []
    for number in order:
        longest = len(windows[batch[0]]) if batch else len(windows[number])
        if batch and (len(batch) + 1) * (longest + special) > limit:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def padded(
    batch: Sequence[NDArray[np.int64]], around: tuple[Sequence[int], Sequence[int]], pad: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n_windows, longest) ids with special pieces `around` each, and (n_windows,) lengths."""
    before, behind = around
    lengths = np.asarray([len(ids) + len(before) + len(behind) for ids in batch])
    rows = np.full((len(batch), int(lengths.max())), pad, "int64")
    rows[:, : len(before)] = before
    for row, ids, length in zip(rows, batch, lengths, strict=True):
        end = len(before) + len(ids)
        row[len(before) : end] = ids
        row[end:length] = behind
    return rows, lengths
