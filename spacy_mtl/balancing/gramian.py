"""Weights from the inner products of the tasks' gradients, by TorchJD's aggregators."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import MTLError
from ._adaptive import AdaptiveBalancer, needed
from ._torchjd import OF_FACTOR, Method, aggregators, as_tensor, undisturbed
from .gradients import Gram, TaskGradients

MODULES_KEPT = 32


class GramianWeighting(AdaptiveBalancer):
    """Weighs the tasks' gradients as an aggregator of TorchJD does.

    The weights scale each task's share in the encoder's gradient, and not its head. Their common
    factor is the method's own (UPGrad and MGDA give means, PCGrad and GradVac sums); Adam cancels
    most of it, and clipping bounds the step. A task that is alone in a batch has the weight 1.

    The method gets the Gram matrix in units of the tasks' mean squared norm, which makes every
    method, and its tolerances, the same for losses of any scale; `max_norm` of NashMTL is in
    units of the root of that. Tasks without labels or with a gradient of zero do not enter, and
    those that learn from different places of the model are weighed by themselves. Where
    a method gives no finite weights, or its solver fails, the tasks keep their last ones.

    method: AlignedMTL (Senushkin et al. 2023), CAGrad (Liu et al. 2021), DualProj (Lopez-Paz and
        Ranzato 2017), FairGrad (Ban and Ji 2024), GradVac (Wang et al. 2021), IMTLG (Liu et al.
        2021), Krum, MGDA (Sener and Koltun 2018), NashMTL (Navon et al. 2022), PCGrad (Yu et al.
        2020), UPGrad (Quinton and Rey 2024); Constant, Mean, Random, Sum.
    options: of the method, as in TorchJD (https://torchjd.org/stable/docs/aggregation/).
        Vectors have a number for each task, by name or in the order of the tasks. Constant
        needs `weights`; `c` of CAGrad is 0.5 and `alpha` of FairGrad 1 if not given.
    every: updates from one computation of a task's weight to the next; between them it is kept.
        CAGrad and NashMTL, which call a solver of convex problems, are slow.
    gram: "layer" or "representation", see `TaskGradients.gram`.
    seed: of the methods that draw or shuffle (GradVac, PCGrad, Random).
    """

    needs_gradients = True

    def __init__(
        self,
        method: str,
        options: dict[str, Any] | None = None,
        every: int = 1,
        gram: Literal["layer", "representation"] = "layer",
        seed: int = 0,
    ) -> None:
        super().__init__(method)
        if every < 1:
            raise MTLError(f"Expected `every` to be 1 or more, got {every}.")
        self._options = options or {}
        self._every = every
        self.gram = gram
        self._seed = seed
        self._method: Method
        self._modules: dict[tuple[str, ...], Any] = {}

    def weights(
        self, losses: Mapping[str, float], gradients: TaskGradients | None = None
    ) -> dict[str, float]:
        """The weights of these tasks' gradients: each computed now or less than `every` updates
        ago. If one is due, all are computed."""
        self._check_started(losses)
        gradients = needed(gradients, self._name)
        tasks = gradients.tasks
        update = self._memory.count("update")
        if len(losses) == 1:
            return dict.fromkeys(losses, 1.0)
        weighed = self._memory.part(tasks)["weighed"]
        if not weighed.all() or (update + 1 - weighed >= self._every).any():
            with self._keeping_weights(self._name):
                for each in self._comparable(gradients):
                    self._weigh(each.tasks, each.gram(self.gram), update)
        return self._kept(list(losses))

    def _begin(self, tasks: list[str]) -> Mapping[str, NDArray]:
        self._method = Method(aggregators(), self._name, self._options, tasks)
        self._modules = {}
        initial = {"weighed": np.zeros(len(tasks))}  # at which update, from 1; 0 for never
        running = _prepared(self._method, tasks)[1] if len(tasks) > 1 else {}
        return {**initial, **running}

    def _weigh(self, tasks: list[str], gram: Gram, update: int) -> None:
        """Compute and remember the weights of the tasks that have a gradient."""
        if not np.isfinite(gram).all():
            raise MTLError("Expected finite gradients, got others. Lower the learning rate.")
        moved = np.flatnonzero(np.diag(gram) > 0)
        present = [tasks[i] for i in moved]
        found: dict[str, NDArray] = {"weight": np.ones(len(present))}
        if len(present) > 1:
            gram = gram[np.ix_(moved, moved)] / np.diag(gram)[moved].mean()
            weighting = self._weighting(present)
            _set_running(weighting, self._memory.part(present))
            with undisturbed(self._seed, update):
                found["weight"] = _weights(weighting, gram, self._name)
            found |= _running(weighting)
        self._memory.put(present, found)
        self._memory.put(tasks, {"weighed": np.full(len(tasks), update + 1)})

    def _weighting(self, tasks: list[str]) -> Any:
        """The method's module for these tasks, with any running state."""
        key = tuple(tasks)
        if key not in self._modules:
            if len(self._modules) >= MODULES_KEPT:
                self._modules.clear()
            self._modules[key], _ = _prepared(self._method, tasks)
        return self._modules[key]


def _weights(weighting: Any, gram: Gram, method: str) -> NDArray:
    """The weights of gradients with these inner products."""
    matrix = _factor(gram) if method in OF_FACTOR else gram
    return np.array(weighting(as_tensor(matrix)).detach().numpy())


def _factor(gram: Gram) -> Gram:
    """Some gradients with these inner products."""
    values, vectors = np.linalg.eigh(gram)
    return vectors * np.sqrt(values.clip(min=0))


def _prepared(method: Method, tasks: Sequence[str]) -> tuple[Any, dict[str, NDArray]]:
    """The method's module and its initial running state.

    Most of that is made at the first call, so there is one, on orthogonal gradients, which leaves
    it at zero. What is there before has its initial values before.
    """
    aggregator = method.make(tasks)
    weighting = aggregator.weighting
    if method.name not in OF_FACTOR:
        weighting = aggregator.gramian_weighting
    before = _running(weighting)
    with undisturbed(0, 0), method.trial():
        _weights(weighting, np.eye(len(tasks)), method.name)
    return weighting, {**_running(weighting), **before}


def _running(weighting: Any) -> dict[str, NDArray]:
    """What a module keeps from call to call: its buffers, and NashMTL's last solution."""
    kept = {name: np.array(buffer.numpy()) for name, buffer in weighting.state_dict().items()}
    if hasattr(weighting, "prvs_alpha"):
        kept["prvs_alpha"] = np.array(weighting.prvs_alpha, dtype="float64")
    return kept


def _set_running(weighting: Any, known: Mapping[str, NDArray]) -> None:
    names = weighting.state_dict()
    weighting.load_state_dict({name: as_tensor(known[name]) for name in names})
    if hasattr(weighting, "prvs_alpha"):
        weighting.prvs_alpha = known["prvs_alpha"]
