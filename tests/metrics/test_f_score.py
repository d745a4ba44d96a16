"""F agrees with its definition."""

import numpy as np
import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.metrics.f_score import WHOLE, Counts, SetCounts, count_units, f_score


def test_f_of_totals() -> None:
    totals = np.asarray([[[3, 1, 0], [0, 0, 0], [0, 2, 2]]])
    assert f_score(totals, "macro") == pytest.approx([(6 / 7 + 0) / 2])
    assert f_score(totals.sum(axis=1, keepdims=True), "micro") == pytest.approx([6 / 11])
    assert f_score(np.zeros((2, 1, 3)), "micro").tolist() == [0, 0]


def test_units_are_counted_by_document_and_label() -> None:
    counts = count_units([0, 0, 1, 1], [0, 1, 1, -1], [0, 0, -1, 1], n_docs=2, n_labels=2)
    assert counts.tolist() == [[[1, 1, 0], [0, 0, 1]], [[0, 0, 0], [0, 1, 1]]]


def test_labels_of_all_seeds() -> None:
    array = np.asarray([[[3, 1, 0], [0, 2, 2]]])
    one = Counts(array, ("a", "b"), "macro", "macro F")
    both = Counts.concatenated([one, one])
    assert len(both) == 2 and both.score() == one.score()
    assert both.per_label() == {
        "a": {"p": 0.75, "r": 1.0, "f": 6 / 7, "gold": 6},
        "b": {"p": 0.0, "r": 0.0, "f": 0.0, "gold": 4},
    }
    other = Counts(array, ("a", "c"), "macro", "macro F")
    with pytest.raises(MTLError, match="same metric"):
        Counts.concatenated([one, other])
    with pytest.raises(MTLError, match="same metric"):
        Counts.concatenated([])


def test_units_with_several_labels_are_right_as_a_whole() -> None:
    array = np.asarray([[[3, 1, 1], [4, 0, 0], [0, 2, 2]], [[0, 1, 1], [1, 0, 0], [0, 0, 0]]])
    found = SetCounts(array, (WHOLE, "a", "b"), "micro", "accuracy")
    assert found.score() == 3 / 5
    assert found.score(np.asarray([[2.0, 0.0], [0.0, 1.0]])).tolist() == [3 / 4, 0]
    assert {label: each["gold"] for label, each in found.per_label().items()} == {"a": 5, "b": 2}
    both = SetCounts.concatenated([found, found])
    assert isinstance(both, SetCounts) and both.score() == 3 / 5 and len(both) == 4
    assert both.per_label()["a"] == {"p": 1.0, "r": 1.0, "f": 1.0, "gold": 10}
