"""What each task scored at the evaluations of a training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakMethod

import numpy as np

from ..errors import MTLError
from ..state import State


class ScoreHistory:
    """The main score of every task at each evaluation, in their order; None if it was not
    measured, as nothing was labelled.

    of_new_heads: whether the component has been initialized in this process, and not loaded.

    The component's `score` records it; samplers and callbacks, which spaCy's loop tells no
    scores, read it.
    """

    def __init__(self) -> None:
        self.of_new_heads = False
        self._rows: list[dict[str, float | None]] = []
        self._watchers: list[WeakMethod[Callable[[ScoreHistory], None]]] = []

    def __getstate__(self) -> dict[str, Any]:
        """Nobody watches a copy."""
        return {**vars(self), "_watchers": []}

    def __len__(self) -> int:
        return len(self._rows)

    def record(self, scores: Mapping[str, float | None]) -> None:
        """Add an evaluation: main score by task."""
        self._rows.append(dict(scores))
        for watcher in [reference() for reference in self._watchers]:
            if watcher is not None:
                watcher(self)

    def watch(self, method: Callable[[ScoreHistory], None]) -> None:
        """Let a bound method be called at the end of each evaluation, while the parameters are
        those that were evaluated, as long as its object lives."""
        if (reference := WeakMethod(method)) not in self._watchers:
            self._watchers.append(reference)

    def clear(self) -> None:
        """Forget all evaluations, as heads begin at random."""
        self.of_new_heads = True
        self._rows.clear()

    def since(self, n: int) -> list[dict[str, float | None]]:
        """What was recorded behind the first n evaluations."""
        return [dict(row) for row in self._rows[n:]]

    def scores(self, task: str) -> list[float]:
        """A task's main scores at the evaluations that measured it, oldest first."""
        return [score for score in self.at_evaluations(task) if score is not None]

    def at_evaluations(self, task: str) -> list[float | None]:
        """A task's main score at every evaluation, None at those that did not measure it."""
        return [row.get(task) for row in self._rows]

    def by_task(self) -> dict[str, list[float]]:
        """`scores` of each task, in the order of their names, on which sums depend."""
        tasks = sorted({task for row in self._rows for task in row})
        return {task: self.scores(task) for task in tasks}

    def state(self) -> State:
        """See `spacy_mtl.state.Stateful`."""
        tasks = sorted({task for row in self._rows for task in row})
        return {t: np.asarray(self.at_evaluations(t), dtype="float64") for t in tasks}

    def load_state(self, state: State) -> None:
        """See `spacy_mtl.state.Stateful`."""
        lengths = {len(column) for column in state.values()}
        if len(lengths) > 1:
            raise MTLError(f"Expected as many scores of every task, got {sorted(lengths)}.")
        self._rows = [
            {task: None if np.isnan(c[i]) else float(c[i]) for task, c in state.items()}
            for i in range(next(iter(lengths), 0))
        ]
