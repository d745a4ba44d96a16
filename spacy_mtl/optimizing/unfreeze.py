"""What is trained when: layers that wait or stay frozen, tasks that start and stop."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.util import logger
from thinc.api import Model

from ..errors import MTLError
from ..models.freezing import Owner, frozen_names, set_frozen
from ..models.topologies.base import encoders
from ..pipeline.component import MultiTask
from ..pipeline.history import ScoreHistory
from ..pipeline.live import multitasks, task_names
from ..state import State
from .parameters import (
    Parameter,
    below,
    listed,
    named_parameters,
    setting_for,
    unmatched,
    upstream,
)

BEFORE = -1  # the step of evaluations that were made before this training


@dataclass(frozen=True)
class TrainingPeriod:
    """When a task is trained.

    start: the first step. stop: the first step without it, None to go on. patience: steps
    between the best evaluation since the start and one at which the task is stopped for good,
    None for never; of equal scores, the first is the best.
    """

    start: int = 0
    stop: int | None = None
    patience: int | None = None

    def trained(self, step: int, evaluations: Sequence[tuple[int, float]]) -> bool:
        """Whether it is trained at a step, after these evaluations: step and score."""
        if step < self.start or (self.stop is not None and step >= self.stop):
            return False
        return self.exhausted(evaluations) is None

    def exhausted(self, evaluations: Sequence[tuple[int, float]]) -> int | None:
        """The step of the evaluation at which there was no patience left, None if there is."""
        if self.patience is None:
            return None
        best_step, best = self.start, float("-inf")
        for step, score in evaluations:
            if step >= self.start and score > best:
                best_step, best = step, score
            elif step - best_step >= self.patience:
                return step
        return None


class Unfreeze:
    """Decides before each update which layers and tasks learn; see `create_unfreeze`.

    It sets the encoders and the layers that `layers` names, whatever they were before, and
    leaves others as they are. Without patience, what is frozen depends on the step alone. With
    it, also on the steps at which the scores in `MultiTask.history` were made, which are its
    state.
    """

    def __init__(
        self,
        encoder: int,
        gradual: int,
        layers: Mapping[str, int],
        tasks: Mapping[str, TrainingPeriod],
    ) -> None:
        if gradual and encoder < 0:
            raise MTLError(
                "Expected `gradual` to be steps between one layer and the next, with an `encoder` "
                f"that begins to learn at some step, got {gradual} and {encoder}."
            )
        self.encoder = encoder
        self.gradual = gradual
        self.layers = layers
        self.tasks = tasks
        self._evaluated: dict[str, list[int]] = {}  # the steps of each component's evaluations
        self._nlp: Language | None = None
        self._plan: dict[Parameter, int] = {}  # the step at which each parameter begins to learn
        self._beginnings: list[int] = []
        self._applied: tuple[int, frozenset[str]] | None = None
        self._warned = False
        self._told: set[tuple[str, str]] = set()  # component and task that patience has stopped
        self._unmeasured: set[str] = set()  # tasks of which was said that evaluations lack them

    def __call__(self, nlp: Language, info: Mapping[str, Any]) -> None:
        """Freeze, unfreeze, start and stop what is due at `info["step"]`.

        RAISES (MTLError): For names of layers or tasks that the pipeline does not have.
        """
        step = int(info["step"])
        if self._nlp is not nlp:
            self._prepare(nlp)
        idle = set()
        for name, component in multitasks(nlp).items():
            component.stopped_tasks -= set(self.tasks)
            component.stopped_tasks |= self._resting(name, component, step)
            if component.stopped_tasks.issuperset(component.active_tasks):
                idle.add(name)
        due = (bisect_right(self._beginnings, step), frozenset(idle))
        if due != self._applied:
            self._apply(nlp, step, idle)
            self._applied = due

    def state(self) -> State:
        """The steps of the evaluations so far, by component."""
        return {name: np.asarray(steps, "int64") for name, steps in self._evaluated.items()}

    def load_state(self, state: State) -> None:
        """Go on after these evaluations, of which the component's history has the scores."""
        if any(steps.ndim != 1 for steps in state.values()):
            raise MTLError("Expected the steps of the evaluations in one dimension.")
        self._evaluated = {name: [int(step) for step in steps] for name, steps in state.items()}

    def _prepare(self, nlp: Language) -> None:
        """Plan for this pipeline."""
        parameters = named_parameters(nlp)
        self._check(nlp, parameters)
        self._plan = {}
        for parameter in parameters:
            begin = setting_for(parameter.name, self.layers)
            if begin is None and parameter.above is not None:
                begin = self.encoder + parameter.above * self.gradual
            if begin is not None:
                self._plan[parameter] = begin
        self._beginnings = sorted({begin for begin in self._plan.values() if begin > 0})
        self._nlp, self._applied = nlp, None

    def _check(self, nlp: Language, parameters: Sequence[Parameter]) -> None:
        unknown = unmatched(self.layers, parameters)
        if unknown:
            raise MTLError(
                f"Expected names of layers in [training.before_update.layers], got "
                f"{', '.join(unknown)}. There are: {listed(parameters)}."
            )
        if (self.encoder or self.gradual) and all(p.above is None for p in parameters):
            raise MTLError(
                "Expected an encoder for `encoder` and `gradual` of [training.before_update]: a "
                f"component that others listen to, or a multitask. There are: {nlp.pipe_names}."
            )
        known = task_names(multitasks(nlp))
        strange = sorted(set(self.tasks) - set(known))
        if strange:
            raise MTLError(
                f"Expected names of tasks in [training.before_update.tasks] "
                f"({', '.join(known) or 'there are none'}), got {', '.join(strange)}."
            )

    def _resting(self, name: str, component: MultiTask, step: int) -> set[str]:
        """The component's tasks that are not trained at this step."""
        history = component.history
        steps = self._steps(name, history, step)
        resting = set()
        for task in component.tasks:
            period = self.tasks.get(task, TrainingPeriod())
            evaluations = [
                (at, score)
                for at, score in zip(steps, history.at_evaluations(task), strict=True)
                if score is not None
            ]
            if steps and not evaluations and period.patience is not None:
                self._warn_unmeasured(task)
            if not period.trained(step, evaluations):
                resting.add(task)
                if (name, task) not in self._told and _tell(task, period, evaluations):
                    self._told.add((name, task))
        return resting

    def _warn_unmeasured(self, task: str) -> None:
        """Say once that patience waits for scores that the dev corpus does not give."""
        if task in self._unmeasured:
            return
        self._unmeasured.add(task)
        warnings.warn(
            f"The task '{task}' has `patience`, but no score to go by: the dev corpus has no "
            "labels for it, so it is not stopped. Label some of that corpus, or take `patience` "
            f"out of [training.before_update.tasks.{task}].",
            stacklevel=2,
        )

    def _steps(self, name: str, history: ScoreHistory, step: int) -> list[int]:
        """The step of each evaluation: new ones came after the step before this one."""
        latest = step - 1 if name in self._evaluated else BEFORE
        steps = self._evaluated.setdefault(name, [])
        if len(history) < len(steps):  # initialized anew
            steps.clear()
        steps += [latest] * (len(history) - len(steps))
        return steps

    def _apply(self, nlp: Language, step: int, idle: set[str]) -> None:
        """Freeze what waits for its step, and what stands above idle components alone."""
        parameters, components = named_parameters(nlp), multitasks(nlp)
        above = {name: set(pipe.listening_components) for name, pipe in upstream(nlp).items()}
        of = {name: below(pipe.model, parameters) for name, pipe in upstream(nlp).items()}
        frozen = {p for p, begin in self._plan.items() if begin < 0 or step < begin}
        frozen.update(p for name in of if above[name] <= idle for p in of[name])
        _set(self._plan, frozen)
        for name, component in components.items():
            component.frozen_encoders = {
                encoder
                for encoder, node in encoders(component.model).items()
                if all(p.frozen for p in _heard(nlp, name, node, of))
                and (name in idle or all(p.frozen for p in below(node, parameters)))
            }
        if components and len(idle) == len(components) and not self._warned:
            self._warned = True
            warnings.warn(
                f"No task is trained at step {step}: each has been stopped or has not started. "
                "spaCy's training goes on, up to its own `max_steps` or `patience`.",
                stacklevel=2,
            )


def create_unfreeze(
    encoder: int = 0,
    gradual: int = 0,
    layers: dict[str, int] | None = None,
    tasks: dict[str, Any] | None = None,
) -> Callable[[Language, dict[str, Any]], None]:
    """Decide at each step which layers and tasks learn; for [training.before_update].

    What is frozen or stopped does not move at all. All numbers are steps, counted from 0.

    encoder: at which the encoder begins to learn; -1 for never (feature extraction).
    gradual: between one layer of the encoder and the next below, from the top (Howard and
        Ruder 2018, https://arxiv.org/abs/1801.06146); 0 for all at once.
    layers: at which the layers whose path fits a pattern begin to learn, in place of `encoder`
        and `gradual`; -1 for never. The last pattern that fits counts; for the paths see
        `spacy_mtl.optimizing.parameters`.
    tasks: by name `start`, `stop` and `patience`, see `TrainingPeriod`. A task that is not trained
        is predicted and scored nevertheless. A task that patience stops is named once: in spaCy's
        log, or in a warning if it never scored above 0.
    RAISES (MTLError): For numbers that are no such steps; at the first call, for names of layers
        or tasks that the pipeline does not have.
    """
    _check_steps(encoder, -1, "encoder in [training.before_update]")
    _check_steps(gradual, 0, "gradual in [training.before_update]")
    for pattern, begin in (layers or {}).items():
        _check_steps(begin, -1, f"{pattern} in [training.before_update.layers]")
    periods = {name: _period(name, settings) for name, settings in (tasks or {}).items()}
    return Unfreeze(encoder, gradual, layers or {}, periods)


def _period(task: str, settings: Any) -> TrainingPeriod:
    known = [field.name for field in fields(TrainingPeriod)]
    where = f"[training.before_update.tasks.{task}]"
    if not isinstance(settings, dict) or not set(settings) <= set(known):
        raise MTLError(f"Expected {', '.join(known)} in {where}, got {settings!r}.")
    for name, value in settings.items():
        least = 0 if name == "start" else 1
        if value is not None or name == "start":
            _check_steps(value, least, f"{name} in {where}")
    period = TrainingPeriod(**settings)
    if period.stop is not None and period.stop <= period.start:
        raise MTLError(
            f"Expected stop behind start in {where}, got {period.start} and {period.stop}."
        )
    return period


def _check_steps(value: Any, least: int, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise MTLError(f"Expected steps, {least} or more, for {where}, got {value!r}.")


def _tell(task: str, period: TrainingPeriod, evaluations: Sequence[tuple[int, float]]) -> bool:
    """Say that patience has stopped the task, and return whether it has."""
    step = period.exhausted(evaluations)
    if step is None or (period.stop is not None and step >= period.stop):
        return False
    if any(score > 0 for at, score in evaluations if at >= period.start):
        logger.warning(  # what is below a warning is seen with --verbose only
            "The task '%s' is stopped at step %d: its score has not risen for %d steps.",
            *(task, step, period.patience),
        )
    else:
        warnings.warn(
            f"The task '{task}' is stopped at step {step} by its patience: its score has been 0 "
            "at every evaluation. If it only needs longer, raise `patience` in "
            f"[training.before_update.tasks.{task}], or take it out.",
            stacklevel=2,
        )
    return True


def _set(parameters: Iterable[Parameter], frozen: set[Parameter]) -> None:
    """Freeze some of these parameters and let the others learn."""
    by_owner: dict[Owner, list[Parameter]] = {}
    for parameter in parameters:
        by_owner.setdefault(parameter.owner, []).append(parameter)
    for owner, own in by_owner.items():
        others = frozen_names(owner) - {parameter.local for parameter in own}
        set_frozen(owner, others | {p.local for p in own if p in frozen})


def _heard(
    nlp: Language, component: str, encoder: Model, of: Mapping[str, list[Parameter]]
) -> Iterator[Parameter]:
    """The parameters of the components that an encoder listens to. of: by component."""
    inside = {id(node) for node in encoder.walk()}
    for name, pipe in upstream(nlp).items():
        if any(id(listener) in inside for listener in pipe.listener_map.get(component, ())):
            yield from of[name]
