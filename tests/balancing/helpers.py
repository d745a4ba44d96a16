"""Gradients with chosen inner products."""

from collections import UserDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spacy_mtl.balancing.gradients import TaskGradients
from spacy_mtl.errors import MTLError

TASKS = ["tagger", "ner", "textcat"]


def gradients_of(jacobian: NDArray, tasks: Sequence[str] = TASKS) -> TaskGradients:
    """Gradients of one token of which both Gram matrices are that of the Jacobian's rows."""
    X = np.ones((1, 1))
    rows = dict(zip(tasks, np.asarray(jacobian)[:, None, :], strict=True))
    return TaskGradients(dict.fromkeys(tasks, X), rows)


def random_jacobian(seed: int, n_tasks: int = 3, width: int = 10) -> NDArray:
    """Rows whose mean squared norm is 1, in float64."""
    rows = np.random.default_rng(seed).normal(size=(n_tasks, width))
    return rows / np.sqrt((rows**2).sum(axis=1).mean())


def ones(tasks: Sequence[str] = TASKS) -> dict[str, float]:
    return dict.fromkeys(tasks, 1.0)


class Unseen(UserDict[str, float]):
    """Losses of these tasks that cannot be looked at."""

    def __getitem__(self, task: str) -> float:
        raise MTLError(f"unseen: {task}")
