"""Which tasks are trained at a step, by their periods and by the scores so far."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from math import isnan
from typing import TypeGuard

from spacy.language import Language
from spacy.util import logger

from ..errors import MTLError
from ..pipeline.component import MultiTask
from ..pipeline.history import ScoreHistory
from ..pipeline.live import multitasks, task_names
from ..state import State, joined, part_of
from .best_heads import BestHeads
from .evaluations import EvaluationSteps
from .periods import Evaluations, TrainingPeriod, risen, smoothed
from .protection import Protection

_KEPT = "best_heads"  # the part of the state with the heads


class Patience:
    """Starts and stops the tasks of a pipeline.

    tasks: their periods. other: the period of those without one. smoothing: evaluations over which
    scores are averaged before patience looks at them. best: where the heads of patient tasks are
    kept, to be put back when they are stopped; None to leave heads as they are then. protection:
    what protects the tasks whose heads were put back.
    """

    def __init__(
        self,
        tasks: Mapping[str, TrainingPeriod],
        other: TrainingPeriod = TrainingPeriod(),  # noqa: B008  it is frozen
        smoothing: int = 1,
        best: BestHeads | None = None,
        protection: Protection | None = None,
    ) -> None:
        self.tasks = tasks
        self._other = other
        self._smoothing = smoothing
        self._best = best
        self.protection = protection or Protection()
        self._steps = EvaluationSteps()
        self._step = 0  # the present one
        self.stopped: set[tuple[str, str]] = set()  # component and task
        self._unmeasured: set[str] = set()  # tasks of which was said that evaluations lack them
        self._nlp: Language

    def prepare(self, nlp: Language) -> None:
        """Begin with this pipeline.

        RAISES (MTLError): If it does not have the tasks, or they cannot be protected.
        """
        known = task_names(multitasks(nlp))
        strange = sorted(set(self.tasks) - set(known))
        if strange:
            raise MTLError(
                f"Expected names of tasks in [training.before_update.tasks] "
                f"({', '.join(known) or 'there are none'}), got {', '.join(strange)}."
            )
        self._nlp = nlp
        self.stopped.clear()
        self._prepare_protection()
        if self._best is not None:
            for component in multitasks(nlp).values():
                component.history.watch(self._keep_best)

    def resting(self, name: str, component: MultiTask, step: int) -> set[str]:
        """The component's tasks that are not trained at this step."""
        self._step, history = step, component.history
        if self._steps.begins_anew(name, history):
            self._begin_anew(name, component)
        steps = self._steps.note(name, history, step - 1)
        waiting, stopped = set(), set()
        new: dict[str, Evaluations] = {}
        for task in component.tasks:
            period, evaluations = self._period(task), self._evaluations(steps, history, task)
            unmeasured = task not in component.auxiliary and not history.scores(task)
            if self._is_patient(task) and steps and unmeasured:
                self._warn_unmeasured(task)
            if not period.includes(step):
                waiting.add(task)
            if period.stopped(evaluations):
                stopped.add(task)
                if (name, task) not in self.stopped:
                    self.stopped.add((name, task))
                    new[task] = evaluations
        over = {task for task in waiting if step >= self._period(task).start}
        at_end = set(component.active_tasks) <= stopped | over
        for task, evaluations in new.items():
            self._stop(component, task, evaluations, at_end)
        resting = waiting | stopped
        return resting - self.protection.learning(component, stopped, resting)

    def state(self) -> State:
        """The steps of the evaluations so far, by component, and the heads that are kept."""
        kept = {} if self._best is None else joined({_KEPT: self._best.state()})
        return {**self._steps.state(), **kept}

    def load_state(self, state: State) -> None:
        """Go on after these evaluations, of which the component's history has the scores."""
        self._steps.load_state({n: a for n, a in state.items() if not n.startswith(f"{_KEPT}/")})
        if self._best is not None:
            self._best.load_state(part_of(state, _KEPT))

    def _prepare_protection(self) -> None:
        known = task_names(multitasks(self._nlp))
        self.protection.prepare(self._nlp, {name for name in known if self._is_patient(name)})

    def _period(self, task: str) -> TrainingPeriod:
        return self.tasks.get(task, self._other)

    def _is_patient(self, task: str) -> bool:
        return self._period(task).patience is not None

    def _begin_anew(self, name: str, component: MultiTask) -> None:
        """The component has been initialized since the last call."""
        self.stopped = {place for place in self.stopped if place[0] != name}
        if self._best is not None:
            self._best.forget(component)
        if not self.stopped:
            self._prepare_protection()

    def _evaluations(self, steps: list[int], history: ScoreHistory, task: str) -> Evaluations:
        """A task's evaluations since its start, as patience looks at them.

        Where heads are put back, patience begins when the score has risen for the first time: a
        task that has not begun to learn has no head worth keeping. One that was trained before
        has.
        """
        scores = zip(steps, history.at_evaluations(task), strict=True)
        start = self._period(task).start
        since = [(at, score) for at, score in scores if _is_measured(score) and at >= start]
        found = smoothed(since, self._smoothing)
        begins = self._best is not None and history.of_new_heads
        return risen(found) if begins else found

    def _stop(
        self, component: MultiTask, task: str, evaluations: Evaluations, at_end: bool
    ) -> None:
        """Say that patience has stopped a task, and put its best head back.

        at_end: whether no task of the component is trained from now on. What stops last keeps the
        head that it has, which fits the encoder as it is: nothing would make another one fit.
        """
        best = self._best
        restores = best is not None and (not at_end or best.was_restored(component, task))
        _tell(task, self._period(task), evaluations, restores)
        if best is not None and restores:
            best.restore(self._nlp, component, task)
            self.protection.stop(self._nlp, component, task, best)

    def _keep_best(self, history: ScoreHistory) -> None:
        """Keep the heads of tasks of which the evaluation that ends here is the best so far."""
        assert self._best is not None
        for name, component in multitasks(self._nlp).items():
            if component.history is history:
                steps = self._steps.note(name, history, self._step)
                patient = [task for task in component.tasks if self._is_patient(task)]
                found = [task for task in patient if self._is_best(steps, history, task)]
                self._best.keep(self._nlp, component, found)

    def _is_best(self, steps: list[int], history: ScoreHistory, task: str) -> bool:
        """Whether the last evaluation is the task's best."""
        if not _is_measured(history.at_evaluations(task)[-1]):
            return False
        evaluations = self._evaluations(steps, history, task)
        return bool(evaluations) and self._period(task).best(evaluations) == len(evaluations) - 1

    def _warn_unmeasured(self, task: str) -> None:
        """Say once that patience waits for scores that the dev corpus does not give."""
        if task in self._unmeasured:
            return
        self._unmeasured.add(task)
        warnings.warn(
            f"The task '{task}' has `patience`, but no score to go by: the dev corpus has no "
            "labels for it, so it is not stopped. Label some of that corpus, or set `patience = "
            f"null` in [training.before_update.tasks.{task}].",
            stacklevel=2,
        )


def _is_measured(score: float | None) -> TypeGuard[float]:
    return score is not None and not isnan(score)


def _tell(task: str, period: TrainingPeriod, evaluations: Evaluations, restored: bool) -> None:
    """Say that patience has stopped a task."""
    best, step = period.best(evaluations), period.exhausted(evaluations)
    if any(score > 0 for _, score in evaluations) and best is not None:
        head = f" Its head of step {evaluations[best][0]} is put back." if restored else ""
        logger.warning(  # what is below a warning is seen with --verbose only
            "The task '%s' is stopped at step %d: its score has not risen for %d steps.%s",
            *(task, step, period.patience, head),
        )
    else:
        warnings.warn(
            f"The task '{task}' is stopped at step {step} by its patience: its score has been 0 "
            "at every evaluation. If it only needs longer, raise `patience` in "
            f"[training.before_update.tasks.{task}], or set it to null.",
            stacklevel=2,
        )
