import numpy as np
import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.tasks.confusion import Confusion, unit_confusion


def test_units_with_one_label() -> None:
    # The third has no gold label, the fourth got none.
    found = unit_confusion(["A", "B"], [0, 1, -1, 1], [0, 0, 1, -1], none="(none)")
    assert found.rows == ["A", "B"] and found.columns == ["A", "B", "(none)"]
    assert found.counts.tolist() == [[1, 0, 0], [1, 0, 1]]
    assert unit_confusion(["A"], [], []).counts.tolist() == [[0]]


def test_every_unit_needs_a_label_unless_there_is_a_place_for_none() -> None:
    assert unit_confusion(["A"], [-1], [-1]).counts.tolist() == [[0]]
    with pytest.raises(MTLError, match="a label for each unit"):
        unit_confusion(["A"], [0], [-1])


def test_sums_go_by_the_names() -> None:
    one = Confusion(["A", "B"], ["A", "B"], np.asarray([[1, 2], [3, 4]]))
    other = Confusion(["B", "C"], ["(none)", "B"], np.asarray([[10, 20], [30, 40]]))
    found = Confusion.added([one, other])
    assert found.rows == ["A", "B", "C"] and found.columns == ["A", "B", "(none)"]
    assert found.counts.tolist() == [[1, 2, 0], [3, 24, 10], [0, 40, 30]]
    with pytest.raises(MTLError, match="at least one"):
        Confusion.added([])
