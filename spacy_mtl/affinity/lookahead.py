"""How much a step with the gradient of one task lowers the loss of another.

Inter-task affinity as of Fifty et al. 2021 (https://arxiv.org/abs/2109.04617): with L_j the loss of
task j, theta the shared parameters, and theta_i what a step with the gradient of task i alone
makes of them, Z[i, j] = 1 - L_j(theta_i) / L_j(theta). The heads stay as they are.

In the paper every batch has labels of all tasks. Of partially labelled corpora few or none have.
There, each task's gradient and loss are of the latest batch that has labels for it; where that of
the gradient has labels for both, both are of that one, as in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..balancing.gradients import TaskGradients, cosines
from ..optimizing.parameters import Key
from .replica import Batch, Replica

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Measurement:
    """One measurement; all (n_tasks, n_tasks), NaN where there is none.

    cosines: between the gradients of the shared layer, those that `ConflictMeter` goes by; none
        between tasks that learn from different places of the model.
    affinity: Z[i, j], of a step for task i on the loss of task j; none between tasks without a
        shared parameter.
    same_batch: whether gradient and loss were of the same batch.
    """

    cosines: Matrix
    affinity: Matrix
    same_batch: NDArray[np.bool_]


def measure(replica: Replica, tasks: Sequence[str], latest: Mapping[str, Batch]) -> Measurement:
    """Look ahead from the replica's parameters.

    tasks: the names of the rows and columns. latest: the latest batch with labels for each task;
    one that has none yet takes no part, nor does one without gradient, as before the first step.
    """
    place = {task: i for i, task in enumerate(tasks)}
    empty = np.full((len(tasks), len(tasks)), np.nan)
    found = Measurement(empty.copy(), empty.copy(), np.zeros(empty.shape, dtype=bool))
    batches = {id(batch): batch for batch in latest.values()}
    before = {key: replica.losses(batch, batch.tasks) for key, batch in batches.items()}
    X, dX, sites = {}, {}, {}
    moved: dict[str, set[Key]] = {}  # the parameters that each task's step moves
    for task, own in latest.items():
        X[task], dX[task], sites[task] = replica.backward(task, own)
        with replica.step() as moved[task]:
            if not dX[task].any():
                del X[task], dX[task]
                continue
            asked = {t: own if t in own.tasks else batch for t, batch in latest.items()}
            for other, loss in _losses(replica, asked).items():
                cell = place[task], place[other]
                found.same_batch[cell] = asked[other] is own
                if before[id(asked[other])][other] > 0:
                    found.affinity[cell] = 1 - loss / before[id(asked[other])][other]
    for task, other in product(latest, repeat=2):
        apart = sites[task] != sites[other] and moved[task].isdisjoint(moved[other])
        if apart or not moved[task]:
            found.affinity[place[task], place[other]] = np.nan
    for each in TaskGradients(X, dX, sites).by_site() if dX else ():
        rows = [place[task] for task in each.tasks]
        found.cosines[np.ix_(rows, rows)] = cosines(each.gram())
    return found


def _losses(replica: Replica, asked: Mapping[str, Batch]) -> dict[str, float]:
    """The loss of each task in its batch, with one forward for each batch."""
    found: dict[str, float] = {}
    for batch in {id(batch): batch for batch in asked.values()}.values():
        found |= replica.losses(batch, [task for task, own in asked.items() if own is batch])
    return found
