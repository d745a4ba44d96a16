"""One update of the tasks: from their losses to weighted gradients of the representation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spacy.training import Example
from thinc.api import Model, Optimizer, torch2xp
from thinc.types import Floats2d

from ..balancing.base import Balancer
from ..balancing.gradients import ConflictMeter, TaskGradients
from ..models.freezing import torch_module
from ..models.topologies.base import Represented, Sharing, head_of
from ..tasks.base import Step, Task
from .teachers import Teacher

# What a task's summed loss is divided by, given its number of labelled units in the batch.
LOSS_UNITS: dict[str, Callable[[int], float]] = {
    "sum": lambda n_units: 1.0,
    "mean": lambda n_units: float(n_units),
    "sqrt": lambda n_units: float(n_units) ** 0.5,
}


@dataclass(frozen=True)
class ScaledStep:
    """A task's step, with its representation and the loss unit.

    X: (n_tokens, width) the representation. site: where it comes from, see `Represented`. scale:
    the loss unit, as a factor.
    """

    step: Step
    X: Floats2d
    site: str
    scale: float

    @property
    def loss(self) -> float:
        """In the loss unit."""
        return self.step.loss * self.scale

    def backward(self, weight: float) -> Floats2d:
        """Run the head backward, with a weight on the loss."""
        return self.step.backward(weight * self.scale)


def task_step(
    task: Task,
    model: Sharing,
    represented: Represented,
    examples: Sequence[Example],
    loss_unit: str,
    teacher: Teacher | None = None,
) -> ScaledStep | None:
    """Run a task's head forward; None if the examples label nothing of the task.

    teacher: whose scores the task learns in place of the annotation, if any.
    """
    packed = represented.packed[task.name]
    head = represented.ran.get(task.name) or head_of(model, task.name)
    step = (task.learn if teacher is None else teacher.step)(head, packed, examples)
    if step is None:
        return None
    scale = 1 / LOSS_UNITS[loss_unit](step.n_units)
    return ScaledStep(step, packed.X, represented.sites[task.name], scale)


def apply_gradients(nodes: Iterable[Model], sgd: Optimizer) -> None:
    """Let the optimizer step the parameters of these nodes alone that have a gradient."""
    for node in nodes:
        for shim in node.shims:
            shim.finish_update(sgd)
        for param in node.param_names:
            if node.has_grad(param):
                key = (node.id, param)
                value, grad = sgd(key, node.get_param(param), node.get_grad(param))
                node.set_param(param, value)
                node.set_grad(param, grad)


def restart_averages(nodes: Iterable[Model], sgd: Optimizer) -> None:
    """Let the optimizer's averages of these nodes' parameters be what the parameters are."""
    averages: Any = sgd.averages or {}
    for node in nodes:
        for param in node.param_names:
            if (node.id, param) in averages:
                averages[node.id, param][...] = node.get_param(param)
        for shim in node.shims:
            module = torch_module(shim)
            for name, tensor in [] if module is None else module.state_dict().items():
                if (key := f"pytorch_{shim.id}_{name}") in averages:
                    averages[key][...] = torch2xp(tensor)


def balanced_gradients(
    steps: Mapping[str, ScaledStep], balancer: Balancer, conflict: ConflictMeter
) -> tuple[dict[str, float], dict[str, Floats2d]]:
    """The tasks' weights, and their weighted gradients, after running the heads backward.

    A task of weight 0 that has it by its loss has no gradient, and its head none either.
    """
    if not steps:
        return {}, {}
    losses = {name: step.loss for name, step in steps.items()}
    weights = dict.fromkeys(losses, 1.0)
    if not balancer.needs_gradients:
        weights = balancer.weights(losses)
    dX = {name: step.backward(weights[name]) for name, step in steps.items() if weights[name]}
    sites = {name: steps[name].site for name in dX}
    gradients = TaskGradients({name: steps[name].X for name in dX}, dX, sites)
    conflict.observe(gradients)
    if balancer.needs_gradients:
        weights = balancer.weights(losses, gradients)
        dX = {name: gradient * weights[name] for name, gradient in dX.items()}
    return weights, dX
