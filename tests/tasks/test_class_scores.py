import numpy as np

from spacy_mtl.tasks.class_scores import ClassScores

NOTHING = np.nan
LABELS = ("A", "B", "C")


def scores(gold: list[list[float]], guess: list[list[float]], threshold: float | None = None):
    return ClassScores(LABELS, np.asarray(gold), np.asarray(guess), threshold)


def test_of_one_class_the_best_counts() -> None:
    found = scores([[0, 1, 0], [1, NOTHING, NOTHING]], [[0.2, 0.5, 0.3], [0.3, 0.3, 0.4]])
    assert found.right().tolist() == [True, False]
    assert list(found.outcomes()) == [(0.5, True), (0.4, False)]
    assert found.counts().tolist() == [
        [[0, 0, 0], [1, 0, 0], [0, 0, 0]],
        [[0, 0, 1], [0, 0, 0], [0, 1, 0]],
    ]
    confusion = found.confusion()
    assert confusion is not None and confusion.rows == [*LABELS]
    assert confusion.counts.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_of_several_classes_each_counts_where_it_is_known() -> None:
    found = scores([[1, 0, NOTHING]], [[0.4, 0.1, 0.9]], threshold=0.5)
    assert found.confusion() is None
    assert found.right().tolist() == [False]
    assert found.counts().tolist() == [[[0, 0, 1], [0, 0, 0], [0, 0, 0]]]
    assert list(found.outcomes()) == [(0.6, False), (0.9, True)]
    low = scores([[1, 0, NOTHING]], [[0.4, 0.1, 0.9]], threshold=0.25)
    assert low.right().tolist() == [True]
    assert list(low.outcomes()) == [(0.4, True), (0.9, True)]


def test_a_class_without_a_score_is_not_assigned_and_nobody_was_sure_of_it() -> None:
    found = scores([[1, 0, 0]], [[NOTHING, 0.1, 0.9]], threshold=0.5)
    assert found.counts().tolist() == [[[0, 0, 1], [0, 0, 0], [0, 1, 0]]]
    assert list(found.outcomes()) == [(0.9, True), (0.9, False)]


def test_one_class_or_none() -> None:
    gold = [[0, 1, 0], [0, 1, 0], [0, 0, 0], [NOTHING, NOTHING, NOTHING]]
    found = scores(gold, [[0, 0, 0], [0.2, 0.5, 0.3], [0.2, 0.5, 0.3], [0, 0, 0]])
    assert found.right().tolist() == [False, True, False, True]
    assert found.counts().sum(axis=0).tolist() == [[0, 0, 0], [1, 1, 1], [0, 0, 0]]
    assert list(found.outcomes()) == [(0.5, True), (0.5, False)]
    confusion = found.confusion()
    assert confusion is not None and confusion.columns == [*LABELS, "(no class)"]
    assert confusion.counts.tolist() == [[0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]]
    assert found.class_f_scores()["cats_f_per_type"]["B"] == {"p": 0.5, "r": 0.5, "f": 0.5}


def test_no_documents_and_no_labels() -> None:
    for labels in (LABELS, ()):
        for threshold in (None, 0.5):
            empty = np.empty((0, len(labels)))
            found = ClassScores(labels, empty, empty, threshold)
            assert found.counts().shape == (0, len(labels), 3)
            assert len(found.right()) == 0 and list(found.outcomes()) == []
