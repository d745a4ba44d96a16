"""A copy of a model in training, on which steps are tried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from spacy.language import Language
from spacy.training import Example
from thinc.api import Optimizer, get_array_module, set_dropout_rate, torch2xp
from thinc.shims import Shim
from thinc.types import Floats2d, FloatsXd

from ..models.freezing import owners, parameter_names
from ..models.topologies import base as topologies
from ..models.topologies.base import Represented
from ..optimizing.clipping import square
from ..optimizing.grouped import GroupedOptimizer
from ..optimizing.parameter_state import value_of
from ..optimizing.parameters import Key, Parameter
from ..pipeline.component import MultiTask
from ..pipeline.listeners import copy_with_encoders, upstream_encoders
from ..pipeline.steps import LOSS_UNITS, TaskStep, task_step


@dataclass(frozen=True, eq=False)
class Batch:
    """Examples, and the tasks that they have labels for."""

    examples: list[Example]
    tasks: list[str]

    @classmethod
    def of(cls, component: MultiTask, tasks: Iterable[str], examples: list[Example]) -> Batch:
        """Those of these tasks that have a labelled unit in the examples."""
        return cls(examples, [t for t in tasks if component.tasks[t].n_labelled(examples)])


class Replica:
    """A copy of a component's model with the encoders that it listens to, without dropout.

    The pipeline and its optimizer are only read, so that a training goes on as if nothing were.
    Shared are all parameters outside of the heads and of frozen components.

    optimizer: whose steps are tried.
    """

    def __init__(self, nlp: Language, component: MultiTask, optimizer: Optimizer) -> None:
        self.model = copy_with_encoders(nlp, component.name, component.model)
        set_dropout_rate(self.model, 0.0)
        self._component = component
        self._optimizer = optimizer
        heads = [topologies.head_of(self.model, task) for task in component.tasks]
        of_heads = {id(owner) for head in heads for owner in owners(head)}
        frozen = nlp.config.interpolate()["training"]["frozen_components"]
        self._upstream = {
            owner.id: name
            for name, pipe in upstream_encoders(nlp, component.name, component.model).items()
            for owner in owners(pipe.model)
        }
        self._parameters = [
            Parameter(local, owner, local)
            for owner in owners(self.model)
            for local in parameter_names(owner)
        ]
        self.shared = [
            parameter
            for parameter in self._parameters
            if id(parameter.owner) not in of_heads
            and self._upstream.get(parameter.owner.id) not in frozen
        ]
        self._clear()  # what the pipeline has accumulated

    def losses(self, batch: Batch, tasks: Iterable[str]) -> dict[str, float]:
        """The loss of each of these tasks in a batch that has labels for them, in nats, summed over
        the labelled units, with the parameters as they are."""
        tasks = list(tasks)
        docs = [eg.predicted for eg in batch.examples]
        represented = topologies.represent(self.model, docs, tasks, False)
        return {task: self._step(task, represented, batch).step.loss for task in tasks}

    def backward(self, task: str, batch: Batch) -> tuple[Floats2d, Floats2d, str]:
        """Run a task's weighted loss backward to the shared parameters.

        The weight is its mean in the training since the last evaluation. Returns the task's
        representation of the batch, the loss's gradient at it, (n_tokens, width), and its site.
        """
        docs = [eg.predicted for eg in batch.examples]
        represented = topologies.represent(self.model, docs, [task], True)
        step = self._step(task, represented, batch)
        weight = self._component.task_weights.get(task, 1.0)
        unit = LOSS_UNITS[self._component.loss_unit]
        dX = step.step.backward(weight / unit(step.step.n_units))
        represented.backprop({task: dX}, self._component.frozen_encoders)
        return step.X, dX, step.site

    def _step(self, task: str, represented: Represented, batch: Batch) -> TaskStep:
        own = self._component.tasks[task]
        step = task_step(own, self.model, represented, batch.examples)
        assert step is not None  # the batch has labels for the task
        return step

    @contextmanager
    def step(self) -> Iterator[set[Key]]:
        """Inside, the shared parameters are as after a step with the gradients that they have.

        Gives which parameters those are. Afterwards they are what they were, to the bit, and have
        no gradients.
        """
        moved, keys = [], set()
        norms = self._norms()
        for parameter in self.shared:
            gradient = _gradient(parameter)
            if gradient is not None and gradient.any():
                value = _value(parameter)
                keys.add(parameter.key)
                moved.append((value, value.copy()))
                norm = norms.get(self._component_of(parameter))
                value -= difference(self._optimizer, parameter.key, gradient, norm)
        self._clear()
        try:
            yield keys
        finally:
            for value, before in moved:
                value[...] = before

    def _norms(self) -> dict[str, float]:
        """By component, the norm of all its gradients, if the optimizer clips them together."""
        squares: dict[str, float] = defaultdict(float)
        if isinstance(self._optimizer, GroupedOptimizer) and self._optimizer.clips_together:
            for parameter in self._parameters:
                gradient = _gradient(parameter)
                if gradient is not None:
                    squares[self._component_of(parameter)] += square(gradient)
        return {component: total**0.5 for component, total in squares.items()}

    def _component_of(self, parameter: Parameter) -> str:
        """The component that has it in the pipeline."""
        return self._upstream.get(parameter.owner.id, self._component.name)

    def _clear(self) -> None:
        for parameter in self._parameters:
            gradient = _gradient(parameter)
            if gradient is not None:
                gradient[...] = 0


def difference(
    optimizer: Optimizer, key: Key, gradient: Any, norm: float | None = None
) -> FloatsXd:
    """What a gradient alone takes off a parameter in the optimizer's next step.

    It is the optimizer's step without what does not come from this gradient, that is momentum of
    the steps before, and weight decay. So with SGD it is the gradient times the learning rate; with
    Adam, that times 1 - beta1, divided by the root of the mean of the squared gradients of the
    training so far; with RAdam (Liu et al. 2020), that times its rectification.

    norm: by which the gradient is clipped, its own unless it is clipped together with others.
    """
    xp = get_array_module(gradient)
    rate = float(optimizer.learn_rate)
    if isinstance(optimizer, GroupedOptimizer):
        rate *= optimizer.known_factor(key)
    clip = float(optimizer.grad_clip)
    norm = float(xp.linalg.norm(gradient)) if norm is None else norm
    if 0 < clip <= norm:
        gradient = gradient * (clip / norm)
    b1, b2, steps = float(optimizer.b1), float(optimizer.b2), optimizer.nr_update.get(key, 0) + 1
    steps += optimizer.use_radam  # whose count thinc raises twice
    if not optimizer.use_radam and not (b1 and b2):
        return rate * gradient
    rate *= (1 - b1) / (1 - b1**steps)
    rectified = _rectification(b2, steps) if optimizer.use_radam else 1.0
    if rectified is None:
        return rate * gradient
    squares = _squares(optimizer, key)
    before = 0.0 if squares is None else b2 * squares.reshape(gradient.shape)
    mean = (before + (1 - b2) * gradient**2) / (1 - b2**steps)
    return rectified * rate * gradient / (xp.sqrt(mean) + optimizer.eps)


def _squares(optimizer: Optimizer, key: Key) -> Any:
    if isinstance(optimizer, GroupedOptimizer):
        return optimizer.squares(key)
    return optimizer.mom2.get(key)


def _rectification(b2: float, steps: int) -> float | None:
    """The factor of RAdam's step; None as long as it steps without the mean of squares."""
    longest = 2 / (1 - b2) - 1
    length = longest - 2 * steps * b2**steps / (1 - b2**steps)
    if length < 5:
        return None
    squared = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    return float(squared**0.5)


def _value(parameter: Parameter) -> Any:
    """The values, which can be changed in place."""
    value: Any = value_of(parameter)
    return torch2xp(value.data) if isinstance(parameter.owner, Shim) else value


def _gradient(parameter: Parameter) -> Any:
    """The gradient, which can be changed in place, or None."""
    if isinstance(parameter.owner, Shim):
        gradient = value_of(parameter).grad
        return None if gradient is None else torch2xp(gradient)
    owner, local = parameter.owner, parameter.local
    return owner.get_grad(local) if owner.has_grad(local) else None
