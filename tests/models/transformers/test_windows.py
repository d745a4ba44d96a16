"""Windows of pieces and their batches."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
from spacy_mtl.models.transformers.pieces import Pieces
from spacy_mtl.models.transformers.windows import (
    batches_of,
    padded,
    windows_of,
)

LENGTHS = [0, 1, 29, 30, 31, 59, 60, 61, 1000]


def make_pieces(total: int, each: int) -> Pieces:
    first = np.arange(0, total, each)
    return Pieces(np.arange(total), first, np.minimum(first + each, total))


@pytest.mark.parametrize("overlap", [0, 10])
@pytest.mark.parametrize("each", [1, 4, 100])
def test_every_piece_has_one_window(overlap: int, each: int) -> None:
    pieces = [make_pieces(total, each) for total in LENGTHS]
    windows = windows_of(pieces, 30, overlap)
    for number, document in enumerate(pieces):
        own = [w for w in windows if w.doc == number]
        taken = [place for w in own for place in range(w.first, w.last)]
        assert taken == list(range(len(document.ids)))
        assert all(w.start <= w.first < w.last <= w.end and len(w) <= 30 for w in own)
        if each < 30:
            assert all(w.first in document.first for w in own)
        if len(own) > 1:
            inner = [w.first - w.start for w in own[1:]] + [w.end - w.last for w in own[:-1]]
            assert min(inner) == overlap // 2


def test_batches_have_like_lengths() -> None:
    windows = windows_of([make_pieces(total, 1) for total in (5, 30, 7, 6, 28, 1)], 30, 0)
    batches = list(batches_of(windows, 2, 64))
    assert sorted(number for batch in batches for number in batch) == list(range(len(windows)))
    lengths = [[len(windows[number]) for number in batch] for batch in batches]
    assert lengths == [[30, 28], [7, 6, 5, 1]]
    assert [len(batch) for batch in batches_of(windows, 2, 1)] == [1] * len(windows)


def test_padding() -> None:
    rows, lengths = padded([np.asarray([5, 6, 7]), np.asarray([8])], ([1], [2]), 0)
    assert rows.tolist() == [[1, 5, 6, 7, 2], [1, 8, 2, 0, 0]]
    assert lengths.tolist() == [5, 3]
