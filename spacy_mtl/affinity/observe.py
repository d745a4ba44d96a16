"""Measures affinity while a pipeline is trained, without a trace in what is trained."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from spacy.language import Language
from spacy.training import Example

from ..errors import MTLError
from ..models.freezing import learns
from ..models.topologies.base import encoders
from ..pipeline.component import MultiTask
from ..pipeline.listeners import upstream_encoders
from ..pipeline.live import multitasks
from ..training.random_states import kept_numbers
from ..training.train_state import TrainState
from .lookahead import measure
from .replica import Batch, Replica
from .result import Affinity, Means, Period


class AffinityObserver:
    """What `Loop` shows its batches to; `result` has what was measured.

    A step is measured if it is a multiple of `every`, its number counted from 0. Of each task the
    latest batch with labels for it is kept, which in partially labelled corpora may be an earlier
    one than that of the step.
    """

    def __init__(self, every: int = 10) -> None:
        if every < 1:
            raise MTLError(f"Expected to measure at every 1 step or more, got {every}.")
        self.every = every
        self._recent: deque[list[Example]] = deque(maxlen=every)
        self._latest: dict[str, Batch] = {}
        self._component: MultiTask
        self._tasks: list[str] = []
        self._state: TrainState | None = None
        self._total: Means
        self._lately: Means
        self._evaluations = 0
        self._periods: list[Period] = []
        self._measured_at = -1

    def __call__(self, state: TrainState, examples: list[Example]) -> None:
        """Measure, if it is the turn of this step, before it learns from the examples."""
        if self._state is None:
            self._begin(state)
        if len(state.progress.results) > self._evaluations:
            self._end_period(state.progress.results[-1][1])
            self._evaluations = len(state.progress.results)
        if any(len(eg.predicted) for eg in examples):
            self._recent.append(examples)
        step = state.progress.steps
        if step % self.every == 0 and step != self._measured_at and self._recent:
            self._measured_at = step
            with kept_numbers():
                self._measure(state)

    def result(self) -> Affinity:
        """What was measured, after the training.

        RAISES (MTLError): If nothing was.
        """
        if self._state is None or not self._total.count.any():
            raise MTLError(
                "Expected gradients of tasks at the encoder, got none in the whole training. Train "
                "for more steps, measure at more of them (--every), and let the encoder learn."
            )
        self._end_period(self._state.progress.steps - 1)
        steps = self._state.progress.steps
        return Affinity(self._tasks, steps, self.every, self._total, self._periods)

    def _begin(self, state: TrainState) -> None:
        self._state = state
        self._component = learning_multitask(state.nlp)
        self._tasks = list(self._component.tasks)
        self._total, self._lately = (Means(len(self._tasks)) for _ in range(2))

    def _end_period(self, step: int) -> None:
        """Note what was measured since the last evaluation, if anything."""
        if self._lately.count.any():
            self._periods.append(Period(step, self._lately))
            self._lately = Means(len(self._tasks))

    def _measure(self, state: TrainState) -> None:
        component = self._component
        learning = set(component.active_tasks) - component.stopped_tasks
        if not _encoders_learn(state.nlp, component):
            return
        self._find_latest(component, [task for task in self._tasks if task in learning])
        latest = {task: self._latest[task] for task in self._tasks if task in self._latest}
        latest = {task: batch for task, batch in latest.items() if task in learning}
        found = measure(Replica(state.nlp, component, state.optimizer), self._tasks, latest)
        self._total.add(found)
        self._lately.add(found)

    def _find_latest(self, component: MultiTask, tasks: Iterable[str]) -> None:
        """Look for each task's labels in the batches since the last measurement, back in time."""
        tasks = list(tasks)
        missing = set(tasks)
        while self._recent and missing:
            batch = Batch.of(component, tasks, self._recent.pop())
            for task in missing & set(batch.tasks):
                self._latest[task] = batch
            missing -= set(batch.tasks)
        self._recent.clear()


def learning_multitask(nlp: Language) -> MultiTask:
    """The component to measure.

    RAISES (MTLError): If there is none or several, it has fewer than two tasks, or it is a frozen
        component, or all its encoders are.
    """
    components = multitasks(nlp)
    if len(components) != 1:
        raise MTLError(
            "Expected one component 'multitask', whose tasks share an encoder, got "
            f"{', '.join(components) or 'none'}; in the pipeline are {', '.join(nlp.pipe_names)}."
        )
    ((name, component),) = components.items()
    if len(component.tasks) < 2:
        raise MTLError(
            f"Expected two tasks or more in [components.{name}.tasks], whose affinity could be "
            f"measured, got {', '.join(component.tasks) or 'none'}."
        )
    settings = nlp.config.interpolate()["training"]
    heard = _heard(nlp, component)
    used = {name}.union(*heard.values())
    frozen = [part for part in settings["frozen_components"] if part in used]
    if name in frozen or all(own and set(own) <= set(frozen) for own in heard.values()):
        raise MTLError(
            f"Expected an encoder that learns, got {', '.join(frozen)} in "
            "[training] frozen_components. Take it out there."
        )
    return component


def _heard(nlp: Language, component: MultiTask) -> dict[str, dict[str, Any]]:
    """By encoder of the topology, the components that it listens to."""
    return {
        name: upstream_encoders(nlp, component.name, encoder)
        for name, encoder in encoders(component.model).items()
    }


def _encoders_learn(nlp: Language, component: MultiTask) -> bool:
    """Whether an encoder of the topology, or one that it listens to, gets gradients and moves."""
    heard = _heard(nlp, component)
    return any(
        name not in component.frozen_encoders
        and any(map(learns, [encoder, *(pipe.model for pipe in heard[name].values())]))
        for name, encoder in encoders(component.model).items()
    )
