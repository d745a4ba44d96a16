"""One update of the tasks: from their losses to weighted gradients of the representation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.training import Example
from thinc.api import Model, Optimizer, get_array_module, torch2xp
from thinc.types import Floats2d

from ..balancing.base import Balancer
from ..balancing.gradients import ConflictMeter, TaskGradients
from ..marks import CORPUS
from ..models.freezing import torch_module
from ..models.topologies.base import (
    Labelled,
    Represented,
    Sharing,
    head_of,
    private_parts,
    tasks_of,
    told_parts,
)
from ..tasks.base import Step, Task
from ..workers import Workers
from .teachers import Teacher

# What a task's summed loss is divided by, given its number of labelled units in the batch.
LOSS_UNITS: dict[str, Callable[[int], float]] = {
    "sum": lambda n_units: 1.0,
    "mean": lambda n_units: float(n_units),
    "sqrt": lambda n_units: float(n_units) ** 0.5,
}


@dataclass(frozen=True)
class TaskStep:
    """A task's step, with its representation.

    X: (n_tokens, width) the representation. site: where it comes from, see `Represented`.
    """

    step: Step
    X: Floats2d
    site: str


@dataclass(frozen=True)
class Total:
    """What all workers have of a task in a batch: the summed loss, and the labelled units."""

    loss: float
    n_units: int


def task_step(
    task: Task,
    model: Sharing,
    represented: Represented,
    examples: Sequence[Example],
    teacher: Teacher | None = None,
) -> TaskStep | None:
    """Run a task's head forward; None if the examples label nothing of the task.

    teacher: whose scores the task learns in place of the annotation, if any.
    """
    packed = represented.packed[task.name]
    own = represented.documents.get(task.name, range(len(examples)))
    if not own:
        return None
    examples = [examples[number] for number in own]
    head = represented.ran.get(task.name) or head_of(model, task.name)
    step = (task.learn if teacher is None else teacher.step)(head, packed, examples)
    return None if step is None else TaskStep(step, packed.X, represented.sites[task.name])


def labelled_for(
    tasks: Mapping[str, Task], examples: Sequence[Example], teachers: Collection[str]
) -> Labelled:
    """Which documents each task learns from. teachers: tasks that learn from another model's
    scores, and so from all."""

    def find(name: str) -> Sequence[int]:
        if name in teachers:
            return range(len(examples))
        task = tasks[name]
        return [
            number
            for number, example in enumerate(examples)
            if task.is_labelled(example) or task.n_labelled([example])
        ]

    corpora = [example.reference.user_data.get(CORPUS, "") for example in examples]
    return Labelled(len(examples), find, corpora)


def idle_nodes(model: Sharing, stepping: Collection[str]) -> set[int]:
    """The numbers of the layers without a gradient. stepping: the tasks, and the topology's parts
    of those that are told, with one."""
    parts = [head_of(model, name) for name in tasks_of(model) if name not in stepping]
    parts += [
        model.get_ref(name)
        for name, tasks in private_parts(model).items()
        if not set(tasks) & set(stepping)
    ]
    parts += [model.get_ref(name) for name in told_parts(model) if name not in stepping]
    return {node.id for part in parts for node in part.walk()}


def totals(
    steps: Mapping[str, TaskStep], names: Sequence[str], workers: Workers
) -> dict[str, Total]:
    """Of those of the named tasks that the batch has labels for, at any worker."""
    own = np.zeros((len(names), 3))
    for row, name in zip(own, names, strict=True):
        if name in steps:
            row[:] = steps[name].step.loss, steps[name].step.n_units, 1
    found = np.sum(workers.gather(own), axis=0).tolist()
    return {
        name: Total(loss, int(n_units))
        for name, (loss, n_units, times) in zip(names, found, strict=True)
        if times
    }


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
    steps: Mapping[str, TaskStep],
    found: Mapping[str, Total],
    represented: Represented,
    loss_unit: str,
    balancer: Balancer,
    conflict: ConflictMeter,
    workers: Workers,
) -> tuple[dict[str, float], dict[str, Floats2d]]:
    """The weights of the tasks that are found, and their weighted gradients, after running the
    heads backward.

    A task of weight 0 that has it by its loss has no gradient, and its head none either. One that
    other workers alone have labels for has a gradient of zero here.
    """
    if not found:
        return {}, {}
    scales = {name: 1 / LOSS_UNITS[loss_unit](total.n_units) for name, total in found.items()}
    losses = {name: total.loss * scales[name] for name, total in found.items()}
    weights = dict.fromkeys(losses, 1.0)
    if not balancer.needs_gradients:
        weights = balancer.weights(losses)
    X = {name: represented.packed[name].X for name in found if weights[name]}
    dX = {
        name: steps[name].step.backward(weights[name] * scales[name])
        if name in steps
        else get_array_module(array).zeros_like(array)
        for name, array in X.items()
    }
    sites = {name: represented.sites[name] for name in dX}
    shared = slice(represented.shared_width)
    gradients = TaskGradients(
        {name: array[:, shared] for name, array in X.items()},
        {name: array[:, shared] for name, array in dX.items()},
        sites,
        workers,
        _kinds(balancer, conflict),
    )
    conflict.observe(gradients)
    if balancer.needs_gradients:
        weights = balancer.weights(losses, gradients)
        dX = {name: gradient * weights[name] for name, gradient in dX.items()}
    return weights, dX


def _kinds(balancer: Balancer, conflict: ConflictMeter) -> list[str]:
    """Of the inner products of gradients that this update asks for."""
    of_balancer = getattr(balancer, "gram", None) if balancer.needs_gradients else None
    return [kind for kind in ("layer" if conflict.is_due else None, of_balancer) if kind]
