"""The tasks' gradients at the shared representation, and how they stand to each other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import get_array_module, to_numpy
from thinc.types import Floats2d

from ..errors import MTLError
from ..state import State, joined, part_of
from ..workers import ALONE, Workers

Gram = NDArray[np.float64]
_BETWEEN = "\t"  # the names of two tasks


class TaskGradients:
    """The gradient of each task at its representation of the same batch.

    X: (n_tokens, width) the representations by task; with hard sharing the same for all.
    dX: (n_tokens, width) the gradients of the tasks that take part, in their order.
    sites: by task, the place in the model that its representation comes from; None if all share
        one. Only gradients at the same site are of the same numbers, so that only these compare.
    workers: who have a part of the batch each.
    kinds: of `gram` that will be asked for, so that the workers add them up all at once.
    """

    def __init__(
        self,
        X: Mapping[str, Floats2d],
        dX: Mapping[str, Floats2d],
        sites: Mapping[str, str] | None = None,
        workers: Workers = ALONE,
        kinds: Collection[str] = (),
    ) -> None:
        self.X = X
        self.dX = dX
        self.sites = sites or dict.fromkeys(dX, "")
        self._workers = workers
        self._kinds = kinds if workers.number > 1 else ()
        self._grams: dict[str, Gram] = {}
        self._by_site: list[TaskGradients] = [self]
        names = dict.fromkeys(self.sites[task] for task in dX)
        if len(names) > 1:
            self._by_site = [self._at(site) for site in names]
            for each in self._by_site:
                each._by_site = self._by_site

    def _at(self, site: str) -> TaskGradients:
        dX = {task: array for task, array in self.dX.items() if self.sites[task] == site}
        return TaskGradients(self.X, dX, None, self._workers, self._kinds)

    def by_site(self) -> list[TaskGradients]:
        """Those of each site, as gradients of their own."""
        return self._by_site

    @property
    def tasks(self) -> list[str]:
        """The tasks' names, in the order of the rows of `gram`."""
        return list(self.dX)

    def gram(self, kind: str = "layer") -> Gram:
        """(n_tasks, n_tasks) inner products of gradients of one site, see `by_site`, on the host.

        "layer": of X^T dX, the gradient of an identity linear layer at the representation, a
        stand-in for that of the encoder's parameters. "representation": of dX itself (Sener and
        Koltun 2018, https://arxiv.org/abs/1810.04650), which is zero for tasks that are
        labelled on different tokens, however much their gradients contradict each other.
        """
        if kind not in self._grams:
            self._measure(dict.fromkeys([kind, *self._kinds]))
        return self._grams[kind]

    def _measure(self, kinds: Iterable[str]) -> None:
        """Note the inner products of all sites, for which the workers need one exchange."""
        wanted = [(each, kind) for each in self._by_site for kind in kinds]
        own = [each._summand(kind) for each, kind in wanted]
        for (each, kind), found in zip(wanted, _added(own, self._workers), strict=True):
            gram = found if kind == "representation" else found @ found.T
            each._grams[kind] = to_numpy(gram).astype("float64")

    def _summand(self, kind: str) -> Any:
        """What adds up over parts of a batch: (n_tasks, size) the gradients for "layer", and
        (n_tasks, n_tasks) the inner products for "representation", whose tokens are shared out."""
        flat = [GRAMS[kind](self.X[task], dX).ravel() for task, dX in self.dX.items()]
        xp: Any = get_array_module(flat[0])
        rows = xp.stack(flat)
        return rows @ rows.T if kind == "representation" else rows


def _added(arrays: Sequence[Any], workers: Workers) -> Sequence[Any]:
    """The sums of arrays over all workers, by one exchange."""
    if workers.number == 1:
        return arrays
    xp: Any = get_array_module(arrays[0])
    flat = workers.add(xp.concatenate([array.ravel() for array in arrays]))
    ends = np.cumsum([array.size for array in arrays]).tolist()
    return [
        flat[end - array.size : end].reshape(array.shape)
        for end, array in zip(ends, arrays, strict=True)
    ]


def _of_layer(X: Floats2d, dX: Floats2d) -> Any:
    return X.T @ dX


def _of_representation(X: Floats2d, dX: Floats2d) -> Any:
    return dX


GRAMS: dict[str, Callable[[Floats2d, Floats2d], Any]] = {
    "layer": _of_layer,
    "representation": _of_representation,
}


def cosines(gram: Gram) -> Gram:
    """(n_tasks, n_tasks) the cosines between gradients of these inner products, 0 beside zeros."""
    norms = np.sqrt(np.diag(gram))
    scale = np.outer(norms, norms)
    return np.divide(gram, scale, out=np.zeros_like(gram), where=scale > 0)


class ConflictMeter:
    """How much the tasks pull in different directions, measured at every `every`-th update.

    Two tasks are in conflict in a step if the cosine between their gradients of the shared
    layer is negative (Yu et al. 2020, https://arxiv.org/abs/2001.06782).

    every: updates between two measurements, 0 for none. A component calls it `conflict_every`.
    """

    def __init__(self, every: int = 0) -> None:
        if isinstance(every, bool) or not isinstance(every, int) or every < 0:
            raise MTLError(
                f"Expected `conflict_every` to be a number of updates, 0 for none, got {every!r}."
            )
        self.every = every
        self.restart()

    def restart(self) -> None:
        """Forget what was measured, and count the updates from the first again."""
        self._updates = 0
        self.reset()

    def reset(self) -> None:
        """Forget what was measured, not how many updates there were."""
        self._cosines: dict[tuple[str, str], list[float]] = {}
        self._norms: dict[str, list[float]] = {}
        self._in_conflict = 0
        self._measured = 0

    @property
    def is_due(self) -> bool:
        """Whether the next update is measured."""
        return bool(self.every) and self._updates % self.every == 0

    def observe(self, gradients: TaskGradients) -> None:
        """Count an update, and measure it if it is its turn."""
        is_due = self.is_due
        self._updates += 1
        if not is_due or not gradients.dX:
            return
        before = self._measured
        conflicts = [self._observe_site(each) for each in gradients.by_site()]
        if self._measured > before:
            self._measured = before + 1
            self._in_conflict += any(conflicts)

    def _observe_site(self, gradients: TaskGradients) -> bool:
        """Note what the tasks of one site do; whether two of them are in conflict."""
        gram = gradients.gram()
        moved = np.flatnonzero(np.diag(gram) > 0)  # at first the heads are zero, and pass nothing
        gram = gram[np.ix_(moved, moved)]
        angles = cosines(gram)
        tasks = [gradients.tasks[i] for i in moved]
        for i, task in enumerate(tasks):
            self._norms.setdefault(task, []).append(float(np.sqrt(gram[i, i])))
            for j in range(i):
                pair = (tasks[j], task) if tasks[j] < task else (task, tasks[j])
                self._cosines.setdefault(pair, []).append(float(angles[i, j]))
        self._measured += len(tasks) > 1
        return bool((angles < 0).any())

    def report(self) -> dict[str, Any]:
        """Since the last reset: mean "cosine" by pair ("ner tagger"), mean "norm" by task, and
        the share of "steps" with several tasks in which two were in conflict, {} if none was."""
        if not self._measured:
            return {}
        return {
            "cosine": {f"{a} {b}": float(np.mean(v)) for (a, b), v in self._cosines.items()},
            "norm": {task: float(np.mean(v)) for task, v in self._norms.items()},
            "conflict": self._in_conflict / self._measured,
            "steps": self._measured,
        }

    def state(self) -> State:
        """See `spacy_mtl.state.Stateful`."""
        counts = (self._updates, self._in_conflict, self._measured)
        cosines = {_BETWEEN.join(pair): np.asarray(v) for pair, v in self._cosines.items()}
        norms = {task: np.asarray(v) for task, v in self._norms.items()}
        return {"counts": np.asarray(counts), **joined({"cosine": cosines, "norm": norms})}

    def load_state(self, state: State) -> None:
        """See `spacy_mtl.state.Stateful`."""
        self._updates, self._in_conflict, self._measured = state["counts"].tolist()
        self._norms = {task: v.tolist() for task, v in part_of(state, "norm").items()}
        self._cosines = {}
        for pair, values in part_of(state, "cosine").items():
            first, _, second = pair.partition(_BETWEEN)
            self._cosines[first, second] = values.tolist()
