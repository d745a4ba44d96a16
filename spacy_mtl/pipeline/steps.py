"""One update of the tasks: from their losses to weighted gradients of the representation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from thinc.api import Model, Optimizer
from thinc.types import Floats2d

from ..balancing.base import Balancer
from ..balancing.gradients import ConflictMeter, TaskGradients
from ..models.packed import Packed
from ..models.sharing import Head
from ..tasks.base import Task

# What a task's summed loss is divided by, given its number of labelled units in the batch.
LOSS_UNITS: dict[str, Callable[[int], float]] = {
    "sum": lambda n_units: 1.0,
    "mean": lambda n_units: float(n_units),
    "sqrt": lambda n_units: float(n_units) ** 0.5,
}


@dataclass(frozen=True)
class TaskStep:
    """A task in a batch, between forward and backward.

    X: (n_tokens, width) its representation. bp_head: from the gradient of the scores to that of
    X. d_scores, loss: of the sum over the `n_units` labelled units. scale: the loss unit, as a
    factor.
    """

    X: Floats2d
    bp_head: Callable[[Floats2d], Floats2d]
    d_scores: Floats2d
    loss: float
    n_units: int
    scale: float

    def backward(self, weight: float) -> Floats2d:
        """Run the head backward, with a weight on the loss."""
        factor = weight * self.scale
        d_scores = self.d_scores
        if factor != 1.0:
            d_scores *= factor
        return self.bp_head(d_scores)


def task_step(task: Task, head: Head, packed: Packed, targets: Any, loss_unit: str) -> TaskStep:
    """Run a task's head forward. targets: with at least one labelled unit."""
    scores, bp_head = head(packed, True)
    loss, d_scores = task.loss(scores, targets, packed)
    n_units = targets.n_units
    return TaskStep(packed.X, bp_head, d_scores, loss, n_units, 1 / LOSS_UNITS[loss_unit](n_units))


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


def balanced_gradients(
    steps: Mapping[str, TaskStep], balancer: Balancer, conflict: ConflictMeter
) -> tuple[dict[str, float], dict[str, Floats2d]]:
    """The tasks' weights, and their weighted gradients, after running the heads backward.

    A task of weight 0 that has it by its loss has no gradient, and its head none either.
    """
    if not steps:
        return {}, {}
    losses = {name: step.loss * step.scale for name, step in steps.items()}
    weights = dict.fromkeys(losses, 1.0)
    if not balancer.needs_gradients:
        weights = balancer.weights(losses)
    dX = {name: step.backward(weights[name]) for name, step in steps.items() if weights[name]}
    gradients = TaskGradients({name: steps[name].X for name in dX}, dX)
    conflict.observe(gradients)
    if balancer.needs_gradients:
        weights = balancer.weights(losses, gradients)
        dX = {name: gradient * weights[name] for name, gradient in dX.items()}
    return weights, dX
