"""Weights that keep the tasks learning at like rates (GradNorm)."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import MTLError
from ._adaptive import AdaptiveBalancer, Arrays, adam, adam_initial, needed
from .gradients import TaskGradients

MIN_WEIGHT = 1e-3


class GradNorm(AdaptiveBalancer):
    """Gives more weight to tasks that learn slowly (Chen et al. 2018).

    See https://arxiv.org/abs/1711.02257. A task's rate is its loss as a share of its first loss,
    over the tasks' mean of that. At each update, the weights take a step of Adam that brings the
    norm of each task's weighted gradient nearer to the mean norm times rate ** alpha; their mean
    stays 1. They scale each task's share in the encoder's gradient, and not its head.

    Where the paper takes the losses of single batches, which differ much in their labelled
    units, these are means of `window` losses; with 1 they are the paper's. The norms are in units
    of their mean, so that a common factor of the losses changes nothing. Only the tasks of a
    batch that have a gradient, at the same place of the model, compare: their weights keep their
    sum, and the others' stay.

    alpha: zero or more; how strongly slow tasks are favoured. 0 makes the norms alike.
    learn_rate: of the weights.
    window: losses of a task in its first loss, and in its running loss.
    gram: "layer" or "representation", what the norms are of; see `TaskGradients.gram`.
    """

    needs_gradients = True

    def __init__(
        self,
        alpha: float = 1.5,
        learn_rate: float = 0.025,
        window: int = 20,
        gram: Literal["layer", "representation"] = "layer",
    ) -> None:
        super().__init__()
        if alpha < 0 or learn_rate <= 0 or window < 1:
            raise MTLError(
                "Expected alpha of 0 or more, learn_rate above 0 and window of 1 or more, got "
                f"{alpha}, {learn_rate} and {window}."
            )
        self._alpha = alpha
        self._learn_rate = learn_rate
        self._window = window
        self.gram = gram

    def weights(
        self, losses: Mapping[str, float], gradients: TaskGradients | None = None
    ) -> dict[str, float]:
        """The weights as of the updates before; then learn from this one."""
        self._check_started(losses)
        gradients = needed(gradients, "GradNorm")
        tasks = gradients.tasks
        values = np.asarray([losses[task] for task in tasks], dtype="float64")
        weights = self._kept(list(losses))
        self._memory.count("update")
        with self._keeping_weights("GradNorm"):
            self._count_losses(tasks, values)
            for each in self._comparable(gradients):
                self._learn(each.tasks, np.sqrt(np.diag(each.gram(self.gram))))
        return weights

    def _begin(self, tasks: list[str]) -> Mapping[str, NDArray]:
        means = {name: np.zeros(len(tasks)) for name in ("first", "loss", "batches")}
        return {**means, **adam_initial(len(tasks))}

    def _count_losses(self, tasks: list[str], losses: NDArray) -> None:
        known = self._memory.part(tasks)
        batches = known["batches"] + 1
        mean = known["loss"] + (losses - known["loss"]) / batches.clip(max=self._window)
        first = np.where(batches <= self._window, mean, known["first"])
        self._memory.put(tasks, {"first": first, "loss": mean, "batches": batches})

    def _learn(self, tasks: list[str], norms: NDArray) -> None:
        """Move the weights of the tasks that have a gradient."""
        if not np.isfinite(norms).all():
            raise MTLError("Expected finite gradients, got others. Lower the learning rate.")
        present = [task for task, norm in zip(tasks, norms, strict=True) if norm > 0]
        if len(present) < 2:
            return
        norms = norms[norms > 0]
        known = self._memory.part(present)
        gradient = _slope(known, norms / norms.mean(), self._alpha)
        step = adam(known["weight"], gradient, known, self._learn_rate)
        weight = step.pop("parameter").clip(min=MIN_WEIGHT)
        weight *= known["weight"].sum() / weight.sum()
        self._memory.put(present, {"weight": weight, **step})


def _slope(known: Arrays, norms: NDArray, alpha: float) -> NDArray:
    """The derivatives of the summed distances of the weighted norms from their targets, which are
    taken as constants, with respect to the weights."""
    tiny = np.finfo("float64").tiny
    progress = known["loss"].clip(min=tiny) / known["first"].clip(min=tiny)
    rate = progress / progress.mean()
    weighted = known["weight"] * norms
    derivatives: NDArray = np.sign(weighted - weighted.mean() * rate**alpha) * norms
    return derivatives
