"""The double refuses what cupy refuses, and computes the rest."""

import numpy as np
import pytest
from thinc.api import CupyOps, get_current_ops, set_current_ops, to_numpy
from thinc.util import get_array_module

from .double import ndarray, use_double


@pytest.fixture
def xp(monkeypatch: pytest.MonkeyPatch):
    before = use_double(monkeypatch)
    yield CupyOps.xp
    set_current_ops(before)


def test_no_silent_copies(xp) -> None:
    a = xp.arange(4)
    for refused in (
        lambda: np.asarray(a),
        lambda: a + np.arange(4),
        lambda: np.arange(4) + a,
        lambda: xp.concatenate([a, np.arange(4)]),
        lambda: a.__setitem__(slice(None), np.arange(4)),
    ):
        with pytest.raises(TypeError):
            refused()


def test_what_works(xp) -> None:
    a = xp.asarray(np.arange(4.0))
    assert isinstance(a + a, ndarray) and float((a + 1).sum()) == 10.0
    assert a[np.asarray([1, 2])].get().tolist() == [1.0, 2.0]
    a[:2] = 7
    a += a
    assert a.get().tolist() == [14.0, 14.0, 4.0, 6.0]
    assert isinstance(np.sqrt(a), ndarray) and isinstance(np.float32(2) * a, ndarray)
    assert int(a.argmax()) == 0 and (a == 14).any()
    assert get_array_module(a) is xp and to_numpy(a).tolist() == a.get().tolist()
    ops = get_current_ops()
    assert isinstance(ops, CupyOps) and isinstance(ops.alloc2f(2, 3), ndarray)
    assert ops.reduce_sum(ops.asarray2f([[1.0], [2.0]]), ops.asarray1i([2])).get() == [[3.0]]
