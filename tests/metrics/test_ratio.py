import pytest

from spacy_mtl.metrics.ratio import Ratio, attachment_scores


def test_the_share_of_what_is_right() -> None:
    found = Ratio.of_units([0, 0, 2], [True, False, True], 3, "exact match")
    assert found.array.tolist() == [[1, 2], [0, 0], [1, 1]]
    assert (found.score(), found.metric) == (pytest.approx(2 / 3), "exact match")


def test_a_label_counts_where_the_head_is_right() -> None:
    gold = [(1, 7), (1, 8), (0, 9), (2, 7)]
    guess = [(1, 7), (2, 8), (0, 7), (2, 7)]
    unlabelled, labelled = attachment_scores([0, 0, 1, 1], gold, guess, 2)
    assert (unlabelled.score(), labelled.score()) == (0.75, 0.5)
    assert unlabelled.metric == "unlabelled attachment score"
    assert labelled.array.tolist() == [[1, 2], [1, 2]]
