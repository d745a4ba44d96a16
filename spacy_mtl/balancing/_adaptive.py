"""What balancers that learn have in common: numbers by task, and weights to fall back on."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..errors import MTLError
from ..state import State
from .gradients import TaskGradients

Arrays = dict[str, NDArray[np.float64]]


class TaskArrays:
    """Finite numbers of each task, or each pair of tasks, of which a batch needs some.

    tasks: the names of all. initial: by name, an array with all tasks on every axis; one without
        axes belongs to no task.
    """

    def __init__(self, tasks: Sequence[str], initial: Mapping[str, NDArray]) -> None:
        self._tasks = list(tasks)
        self._arrays = {name: np.array(a, dtype="float64") for name, a in initial.items()}

    def part(self, tasks: Sequence[str]) -> Arrays:
        """Copies of the arrays with these tasks alone, in this order."""
        return {name: np.array(a[self._at(tasks, a)]) for name, a in self._arrays.items()}

    def put(self, tasks: Sequence[str], part: Mapping[str, NDArray]) -> None:
        """Set the entries of these tasks.

        RAISES (MTLError): If one is not finite; then none is changed.
        """
        for name, values in part.items():
            if not np.isfinite(values).all():
                raise MTLError(f"Expected finite numbers for `{name}`, got {np.asarray(values)}.")
        for name, values in part.items():
            array = self._arrays[name]
            array[self._at(tasks, array)] = values

    def count(self, name: str) -> int:
        """Add one to a number of no task; what it was before."""
        before = int(self._arrays[name])
        self._arrays[name] += 1
        return before

    def state(self) -> State:
        """Every number under the array's name and its tasks': "weight:ner", "_phi:ner:pos"."""
        return {key: np.array(self._arrays[name][entry]) for key, name, entry in self._entries()}

    def load_state(self, state: State) -> None:
        """Set all numbers.

        RAISES (MTLError): If names or shapes differ; then none is changed.
        """
        own = {key for key, _, _ in self._entries()}
        if set(state) != own:
            missing = ", ".join(sorted(own - set(state))) or "none"
            unknown = ", ".join(sorted(set(state) - own)) or "none"
            raise MTLError(
                "Expected the balancer's state to be that of the same tasks and method, got "
                f"unknown entries ({unknown}) and missing ones ({missing}). Load it with the "
                "config that it was saved with."
            )
        for key, value in state.items():
            if np.shape(value) != ():
                raise MTLError(
                    f"Expected one number for '{key}' in the balancer's state, got an array of "
                    f"shape {np.shape(value)}. The file is damaged: train anew."
                )
        for key, name, entry in self._entries():
            self._arrays[name][entry] = state[key]

    def _entries(self) -> Iterable[tuple[str, str, tuple[int, ...]]]:
        for name, array in self._arrays.items():
            for entry in product(range(len(self._tasks)), repeat=array.ndim):
                yield ":".join([name, *(self._tasks[i] for i in entry)]), name, entry

    def _at(self, tasks: Sequence[str], array: NDArray) -> tuple[NDArray, ...]:
        places = [self._tasks.index(task) for task in tasks]
        return np.ix_(*[places] * array.ndim)


class AdaptiveBalancer(ABC):
    """Keeps numbers by task, the last weights among them, and counts the updates.

    A state that is loaded before `start` waits for it, so that a trained pipeline predicts
    without what training needs.

    method: its name, where there are several, each of which learns other things.
    """

    def __init__(self, method: str = "") -> None:
        self._name = method
        self.reset()

    @property
    def kind(self) -> str:
        """See `Balancer`."""
        return f"{type(self).__name__} {self._name}".strip()

    def reset(self) -> None:
        """Forget the tasks and all that was learned or loaded; see `Balancer.reset`."""
        self._tasks: list[str] = []
        self._initial: dict[str, NDArray] = {}
        self._memory = TaskArrays([], {})
        self._pending: State = {}
        self._warned = False
        self._warned_apart = False

    def _comparable(self, gradients: TaskGradients) -> list[TaskGradients]:
        """The gradients of each site. Warns once if no site has two tasks of all."""
        sites = gradients.by_site()
        if len(sites) == len(self._tasks) > 1 and not self._warned_apart:
            self._warned_apart = True
            warnings.warn(
                f"{self.kind} has nothing to compare: in this topology no two of the tasks "
                f"{', '.join(self._tasks)} learn from the same encoder's output. Their weights "
                "stay as they are.",
                stacklevel=2,
            )
        return sites

    @abstractmethod
    def _begin(self, tasks: list[str]) -> Mapping[str, NDArray]:
        """Check the settings; the initial `TaskArrays`, besides "weight" and "update"."""

    def start(self, tasks: list[str]) -> None:
        """Learn the names of all tasks; see `Balancer.start`."""
        if list(tasks) == self._tasks:
            return
        weight = np.ones(len(tasks))
        initial = {"update": np.zeros(()), "weight": weight, **self._begin(list(tasks))}
        memory = TaskArrays(tasks, initial)
        if self._pending:
            memory.load_state(self._pending)
        self._tasks, self._initial, self._memory = list(tasks), initial, memory
        self._pending = {}

    def state(self) -> State:
        """The numbers by task; {} before `start`, if none were loaded."""
        if not self._tasks:
            return {name: np.array(value) for name, value in self._pending.items()}
        return self._memory.state()

    def load_state(self, state: State) -> None:
        """Set what `state` gave.

        RAISES (MTLError): For that of another method or other tasks.
        """
        if not self._tasks:
            self._pending = {name: np.array(value) for name, value in state.items()}
            return
        memory = TaskArrays(self._tasks, self._initial)
        if state:
            memory.load_state(state)
        self._memory = memory

    def _kept(self, tasks: Sequence[str]) -> dict[str, float]:
        """The last weights of these tasks, 1 for those without."""
        weights = self._memory.part(tasks)["weight"]
        return {task: float(weight) for task, weight in zip(tasks, weights, strict=True)}

    def _check_started(self, losses: Mapping[str, float]) -> None:
        unknown = [task for task in losses if task not in self._tasks]
        if unknown:
            raise MTLError(
                f"Expected losses of the tasks that the balancer was started with "
                f"({', '.join(self._tasks) or 'none'}), got {', '.join(unknown)} too. "
                "Call start(tasks) with the names of all tasks first."
            )

    @contextmanager
    def _keeping_weights(self, method: str) -> Iterator[None]:
        """Let the tasks keep their last weights if the method fails, with one warning."""
        try:
            yield
        except Exception as error:  # of any solver
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"{method} gave no weights for a batch, whose tasks keep those that they had "
                    f"(1 at first): {error}",
                    stacklevel=2,
                )


def needed(gradients: TaskGradients | None, balancer: str) -> TaskGradients:
    """The gradients.

    RAISES (MTLError): If there are none.
    """
    if gradients is None:
        raise MTLError(f"Expected the tasks' gradients, which {balancer} needs, got none.")
    return gradients


def adam_initial(n_tasks: int) -> dict[str, NDArray]:
    """What `adam` keeps of each task."""
    return {name: np.zeros(n_tasks) for name in ("mom1", "mom2", "steps")}


def adam(parameter: NDArray, gradient: NDArray, kept: Mapping[str, NDArray], rate: float) -> Arrays:
    """A step of Adam (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980) for each task by itself.

    An absent task's moments and number of steps stay, which a shared optimizer would not do.
    Returns "parameter" and what was `kept`.
    """
    steps = kept["steps"] + 1
    mom1 = 0.9 * kept["mom1"] + 0.1 * gradient
    mom2 = 0.999 * kept["mom2"] + 0.001 * gradient**2
    step = mom1 / (1 - 0.9**steps) / (np.sqrt(mom2 / (1 - 0.999**steps)) + 1e-8)
    return {"parameter": parameter - rate * step, "mom1": mom1, "mom2": mom2, "steps": steps}
