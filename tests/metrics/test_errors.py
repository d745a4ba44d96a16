import math

import numpy as np
import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.metrics.errors import Errors, from_error

UNITS = [0, 0, 1], [1.0, 2.0, 3.0], [1.5, 2.0, 1.0]


def test_errors_by_hand() -> None:
    assert Errors.absolute(*UNITS, 2).score() == pytest.approx(2.5 / 3)
    squared = Errors.squared(*UNITS, 2)
    assert squared.array.tolist() == [[0.25, 2], [4, 1]]
    assert squared.score() == pytest.approx(4.25 / 3)
    root = Errors.squared(*UNITS, 2, root=True)
    assert root.score() == pytest.approx(math.sqrt(4.25 / 3))
    assert [squared.metric, root.metric] == ["mean squared error", "root mean squared error"]


def test_no_unit_has_no_error() -> None:
    rows = np.asarray([[0.0, 3.0], [2.0, 0.0]])
    found = Errors.absolute([1], [2.0], [2.5], 2, "error in tokens").score(rows)
    assert found == pytest.approx([0.5, math.nan], nan_ok=True)


def test_the_smaller_the_error_the_higher_the_score() -> None:
    errors = [0.0, 0.1, 1.0, 3.0, math.inf]
    assert [from_error(error) for error in errors] == pytest.approx([1, 1 / 1.1, 0.5, 0.25, 0])
    assert from_error(math.nan) == 0.0
    with pytest.raises(MTLError, match="0 or more"):
        from_error(-0.1)
