"""The best way to divide tasks among encoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import MTLError
from .lookahead import Matrix

MAX_TASKS = 12  # the search takes a second or two; each further task triples that
_WORST = (-np.inf, 0)


@dataclass(frozen=True)
class Grouping:
    """Tasks by the encoder that they share, and the sum of the affinities of all tasks."""

    groups: list[list[str]]
    score: float


def group_score(affinity: Matrix, group: Sequence[int]) -> float:
    """The sum, over the tasks of a group, of the mean affinity of its other tasks onto each.

    As in section 3 of Fifty et al. 2021. A task alone has 0: no other helps or hurts it. A pair
    that was never measured (NaN) counts as 0 too.
    """
    if len(group) < 2:
        return 0.0
    inside = np.nan_to_num(affinity[np.ix_(group, group)])
    return float((inside.sum() - np.trace(inside)) / (len(group) - 1))


def best_groupings(
    tasks: Sequence[str], affinity: Matrix, units: Sequence[Sequence[str]] | None = None
) -> list[Grouping]:
    """The grouping with the highest score for 1, 2, ... and as many encoders as there are units.

    Each task is in one group, as a pipeline predicts it once. The search is exact: over all ways
    to divide the units, by dynamic programming over subsets. Groups and the tasks in them come in
    the order of `tasks`; of equal scores, which is taken is the same at every call.

    affinity: (n_tasks, n_tasks), [i, j] of task i onto task j.
    units: tasks that must stay together, see `spacy_mtl.pipeline.needs.units`; None for each by
        itself.
    RAISES (MTLError): For more than `MAX_TASKS` units.
    """
    units = [[task] for task in tasks] if units is None else units
    check_encoders(1, units)
    places = [[tasks.index(task) for task in unit] for unit in units]

    def members(subset: int) -> list[int]:
        return sorted(place for unit in _members(subset) for place in places[unit])

    n = len(units)
    scores = [group_score(affinity, members(subset)) for subset in range(1 << n)]
    best = _search(n, scores)
    found = []
    for k in range(1, n + 1):
        groups, rest = [], (1 << n) - 1
        for left in range(k, 0, -1):
            group = best[left][rest][1]
            groups.append([tasks[i] for i in members(group)])
            rest &= ~group
        found.append(Grouping(groups, float(best[k][(1 << n) - 1][0])))
    return found


def check_encoders(encoders: int, units: Sequence[Sequence[str]]) -> None:
    """Check that there are groupings, and not too many to try.

    RAISES (MTLError): If the units of tasks cannot be divided among so many encoders, or are too
        many.
    """
    if not 1 <= encoders <= len(units):
        listed = ", ".join(" with ".join(unit) for unit in units)
        alone = all(len(unit) == 1 for unit in units)
        what = "tasks" if alone else "groups of tasks that need each other"
        raise MTLError(
            f"Expected from 1 encoder to one for each of the {len(units)} {what} ({listed}), got "
            f"{encoders}."
        )
    if len(units) > MAX_TASKS:
        raise MTLError(
            f"Expected at most {MAX_TASKS} tasks to look through all groupings of, got "
            f"{len(units)}. Take out tasks that certainly belong to others, and add them to their "
            "groups by hand."
        )


def _search(n: int, scores: Sequence[float]) -> list[list[tuple[float, int]]]:
    """By number of groups and subset, the highest score, and the group with its first member."""
    size = 1 << n
    best = [[_WORST] * size for _ in range(n + 1)]
    best[0][0] = (0.0, 0)
    for subset in range(1, size):
        first = subset & -subset
        others = part = subset ^ first
        while True:
            group, rest = part | first, others ^ part
            for k in range(1, rest.bit_count() + 2):
                score = scores[group] + best[k - 1][rest][0]
                if score > best[k][subset][0]:
                    best[k][subset] = (score, group)
            if not part:
                break
            part = (part - 1) & others
    return best


def _members(subset: int) -> list[int]:
    """The places of the bits that are set."""
    return [i for i in range(subset.bit_length()) if subset >> i & 1]
