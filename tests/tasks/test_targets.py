import numpy as np
from thinc.api import NumpyOps

from spacy_mtl.tasks.targets import ColumnTargets

OPS = NumpyOps()
GOLD = np.asarray([2, -1, 0], dtype="int32")


def test_missing_units_are_masked():
    targets = ColumnTargets.of(GOLD, None, OPS)
    assert targets.classes.tolist() == [2, 0, 0]
    assert targets.mask.tolist() == [True, False, True]
    assert targets.n_units == 2 and targets.known is None


def test_units_of_unknown_columns_are_masked():
    known = np.asarray([[True, True, False], [True, False, True], [True, False, False]])
    targets = ColumnTargets.of(GOLD, known, OPS)
    assert targets.mask.tolist() == [False, False, True]
    assert targets.n_units == 1
    assert (targets.known == known).all()


def test_no_units():
    targets = ColumnTargets.of(GOLD[:0], np.ones((0, 3), dtype=bool), OPS)
    assert targets.n_units == 0 and targets.mask.shape == (0,)
