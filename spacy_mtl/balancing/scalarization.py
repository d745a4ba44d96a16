"""Weights from the tasks' losses, by TorchJD's scalarizations."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MTLError
from ._adaptive import AdaptiveBalancer, Arrays, adam, adam_initial
from ._torchjd import Method, as_tensor, scalarizers, undisturbed
from .gradients import TaskGradients


class Scalarization(AdaptiveBalancer):
    """Weighs the tasks as a scalarization of TorchJD does.

    A scalarization makes one loss of the tasks' losses. Its derivatives are the weights: they
    scale the gradients of a task's head and its share in the encoder's. Their common factor is
    the method's own (UW begins with 1/2, Mean gives 1/n); Adam cancels most of it.

    Only the tasks of a batch enter the method. What it learns about the others stays: UW and
    IMTLL learn a parameter of each task by Adam, DWA keeps means of its losses. Where a method
    gives no finite weights (a loss of zero in GeometricMean), the tasks keep their last ones.

    method: Constant, COSMOS, DWA (Liu et al. 2019), GeometricMean, IMTLL (Liu et al. 2021), Mean,
        PBI, Random (Lin et al. 2022), STCH (Lin et al. 2024), Sum or UW (Kendall et al. 2018).
        FAMO is left out: it needs the losses of the same batch again after the step.
    options: of the method, as in TorchJD (https://torchjd.org/stable/docs/scalarization/).
        Vectors have a number for each task, by name or in the order of the tasks. COSMOS,
        Constant and PBI need `weights`, COSMOS `lambda_` too, and PBI `theta`; it may have a
        `reference`, a vector. The default of `mu` of STCH is 1.
    learn_rate: of what UW and IMTLL learn.
    epoch_length: losses of a task in one mean of DWA, which compares two means.
    seed: of Random.
    """

    needs_gradients = False

    def __init__(
        self,
        method: str,
        options: dict[str, Any] | None = None,
        learn_rate: float = 0.01,
        epoch_length: int = 200,
        seed: int = 0,
    ) -> None:
        super().__init__(method)
        if learn_rate <= 0 or epoch_length < 1:
            raise MTLError(
                "Expected a learn_rate above 0 and an epoch_length of 1 or more, got "
                f"{learn_rate} and {epoch_length}."
            )
        self._options = options or {}
        self._learn_rate = learn_rate
        self._epoch_length = epoch_length
        self._seed = seed
        self._method: Method

    def weights(
        self, losses: Mapping[str, float], gradients: TaskGradients | None = None
    ) -> dict[str, float]:
        """The derivatives of the scalarization with respect to these losses."""
        self._check_started(losses)
        tasks, values = list(losses), np.asarray(list(losses.values()), dtype="float64")
        update = self._memory.count("update")
        with self._keeping_weights(self._name), undisturbed(self._seed, update):
            self._memory.put(tasks, self._step(tasks, values, self._memory.part(tasks)))
        return self._kept(tasks)

    def _begin(self, tasks: list[str]) -> Mapping[str, NDArray]:
        self._method = Method(scalarizers(), self._name, self._options, tasks)
        module = self._method.make(tasks)
        learned = {name: p.detach().numpy() for name, p in module.named_parameters()}
        if learned:
            learned |= adam_initial(len(tasks))
        means = _epochs_initial(len(tasks)) if self._name == "DWA" else {}
        with undisturbed(self._seed, 0), self._method.trial():
            _derivatives(module, np.ones(len(tasks)))
        return {**learned, **means}

    def _step(self, tasks: list[str], losses: NDArray, known: Arrays) -> Arrays:
        """The weights, and what is known about the tasks after this batch."""
        if not np.isfinite(losses).all():
            raise MTLError(f"Expected finite losses, got {losses}. Lower the learning rate.")
        module = self._method.make(tasks)
        if self._name == "DWA":
            _set_epochs(module, known)
            known = _count_losses(losses, known, self._epoch_length)
        parameters = dict(module.named_parameters())
        for name, parameter in parameters.items():
            parameter.data.copy_(as_tensor(known[name]))
        weight = _derivatives(module, losses)
        for name, parameter in parameters.items():
            step = adam(known[name], parameter.grad.numpy(), known, self._learn_rate)
            known = {**known, name: step.pop("parameter"), **step}
        return {**known, "weight": weight}


def _derivatives(module: Any, losses: NDArray) -> NDArray:
    """Of the scalar with respect to the losses; the parameters' are left in their `grad`."""
    values = as_tensor(losses).requires_grad_()
    module(values).backward()
    derivatives: NDArray = values.grad.numpy()
    return derivatives


def _epochs_initial(n_tasks: int) -> dict[str, NDArray]:
    """Of each task: the sum and number of its losses in this epoch, the means of the last two
    epochs, and how many epochs it had."""
    return {name: np.zeros(n_tasks) for name in ("sum", "count", "older", "newer", "epochs")}


def _set_epochs(dwa: Any, known: Arrays) -> None:
    """Replay two epochs of one batch each, with these means; 1 before there are two."""
    for epoch in ("older", "newer"):
        dwa(as_tensor(np.where(known["epochs"] < 2, 1.0, known[epoch])))
        dwa.step()


def _count_losses(losses: NDArray, known: Arrays, epoch_length: int) -> Arrays:
    """Add the losses to the sums, and end the epoch of a task that has had its number of them."""
    total, count = known["sum"] + losses, known["count"] + 1
    ends = count >= epoch_length
    return {
        **known,
        "sum": np.where(ends, 0.0, total),
        "count": np.where(ends, 0.0, count),
        "older": np.where(ends, known["newer"], known["older"]),
        "newer": np.where(ends, total / count, known["newer"]),
        "epochs": known["epochs"] + ends,
    }
