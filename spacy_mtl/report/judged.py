"""What the sections draw of a task's predictions, so that these need not be kept or read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spacy.training import Example

from ..metrics.base import Statistics
from ..tasks.base import Task
from ..tasks.capable import Confident, Confused, Located, Measurable
from ..tasks.confusion import Confusion
from ..tasks.span_scores import Sides


@dataclass(frozen=True)
class Judged:
    """A task's predictions for the test documents, with one seed.

    statistics, confusion, spans: of a task that has such, else None; `spans` with an entry for
        each document.
    sure, right: (n,) of each decision of which the predictions say how sure they are: how sure,
        and whether it is right. n is 0 if they do not say it.
    """

    statistics: Statistics | None
    confusion: Confusion | None
    spans: list[Sides] | None
    sure: NDArray[np.float64]
    right: NDArray[np.bool_]


def judge(task: Task, examples: Sequence[Example], with_spans: bool = True) -> Judged:
    """Ask the task all that it can say. with_spans: whether the spans are wanted, too."""
    noted = []
    if isinstance(task, Confident):
        noted = [outcome for example in examples for outcome in task.noted_outcomes(example)]
    located = task if with_spans and isinstance(task, Located) else None
    return Judged(
        task.statistics(examples) if isinstance(task, Measurable) else None,
        task.confusion(examples) if isinstance(task, Confused) else None,
        [located.scored_spans(example) for example in examples] if located else None,
        np.asarray([sure for sure, _ in noted], dtype="float64"),
        np.asarray([right for _, right in noted], dtype=bool),
    )
