from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest

from spacy_mtl.affinity.grouping import (
    MAX_TASKS,
    best_groupings,
    check_encoders,
    group_score,
)
from spacy_mtl.errors import MTLError


def partitions(n: int, k: int) -> Iterator[list[list[int]]]:
    """Every way to divide n things into k groups, several times over."""
    for assigned in product(range(k), repeat=n):
        if set(assigned) == set(range(k)):
            yield [[i for i in range(n) if assigned[i] == group] for group in range(k)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n", [2, 5])
def test_as_good_as_any(n: int, seed: int) -> None:
    affinity = np.random.default_rng(seed).normal(size=(n, n))
    tasks = [f"task{i}" for i in range(n)]
    found = best_groupings(tasks, affinity)
    assert len(found) == n
    for k, grouping in enumerate(found, 1):
        expected = max(sum(group_score(affinity, g) for g in p) for p in partitions(n, k))
        assert grouping.score == pytest.approx(expected)
        own = [[tasks.index(task) for task in group] for group in grouping.groups]
        assert sum(group_score(affinity, group) for group in own) == pytest.approx(expected)
        assert len(own) == k and sorted(sum(own, [])) == list(range(n))
        assert own == sorted(sorted(group) for group in own)


def test_score_is_the_mean_onto_each_task() -> None:
    affinity = np.array([[9.0, 1, 2], [3, 9, 4], [5, 6, 9]])
    onto = [(3 + 5) / 2, (1 + 6) / 2, (2 + 4) / 2]
    assert group_score(affinity, [0, 1, 2]) == pytest.approx(sum(onto))
    assert group_score(affinity, [0, 2]) == pytest.approx(5 + 2)
    assert group_score(affinity, [1]) == 0.0


def test_what_was_not_measured_counts_as_nothing() -> None:
    affinity = np.array([[1.0, np.nan, 0.1], [np.nan, 1.0, np.nan], [0.2, np.nan, 1.0]])
    assert group_score(affinity, [0, 1]) == 0.0
    assert best_groupings(["a", "b", "c"], affinity)[1].groups == [["a", "c"], ["b"]]


def test_ten_tasks() -> None:
    """Two blocks that help inside, and hurt across."""
    blocks = np.kron(np.eye(2), np.ones((5, 5))) - 0.5
    order = np.random.default_rng(0).permutation(10)
    found = best_groupings(list("abcdefghij"), blocks[np.ix_(order, order)])
    for group in found[1].groups:
        assert len({int(order["abcdefghij".index(task)] >= 5) for task in group}) == 1
    assert found[1].score == max(grouping.score for grouping in found) == pytest.approx(5.0)


def test_equal_scores_have_one_answer() -> None:
    found = [best_groupings(list("abcd"), np.ones((4, 4))) for _ in range(2)]
    assert found[0] == found[1]


@pytest.mark.parametrize("encoders", [0, 3])
def test_encoders_out_of_range(encoders: int) -> None:
    with pytest.raises(MTLError, match=rf"each of the 2 tasks \(a, b\), got {encoders}\."):
        check_encoders(encoders, ["a", "b"])


def test_too_many_tasks() -> None:
    tasks = [str(i) for i in range(MAX_TASKS + 1)]
    with pytest.raises(MTLError, match=f"at most {MAX_TASKS} tasks .*, got {MAX_TASKS + 1}"):
        best_groupings(tasks, np.zeros((len(tasks), len(tasks))))


@pytest.mark.parametrize("seed", range(3))
def test_units_stay_together(seed: int) -> None:
    tasks, units = list("abcde"), [["a", "d"], ["b"], ["c", "e"]]
    affinity = np.random.default_rng(seed).normal(size=(5, 5))
    found = best_groupings(tasks, affinity, units)
    assert [len(grouping.groups) for grouping in found] == [1, 2, 3]
    for k, grouping in enumerate(found, 1):
        divided = [
            [sorted(tasks.index(t) for u in group for t in units[u]) for group in p]
            for p in partitions(3, k)
        ]
        expected = max(sum(group_score(affinity, group) for group in p) for p in divided)
        assert grouping.score == pytest.approx(expected)
        assert all({"a", "d"} <= {*g} or not {"a", "d"} & {*g} for g in grouping.groups)
        assert sorted(sum(grouping.groups, [])) == tasks
    with pytest.raises(MTLError, match=r"the 3 groups of tasks that .*\(a with d, b, c with e\)"):
        check_encoders(4, units)
