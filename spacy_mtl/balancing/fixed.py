"""Fixed weights: the default, and hard to beat."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import MTLError
from ..schedules import Setting
from ..state import State
from .gradients import TaskGradients


class FixedWeights:
    """A weight for each task that is set beforehand, 1 for those that are not named.

    Well-chosen fixed weights were found to do as well as adaptive methods (Kurin et al. 2022,
    https://arxiv.org/abs/2201.04122; Xin et al. 2022, https://arxiv.org/abs/2209.11379). The
    weights scale the gradient of each loss. Adam and the clipping of gradients cancel most of
    that for a head's own parameters; what counts is each task's share in the encoder's gradient.

    weights: by task name, zero or more; a number, or a thinc schedule over the updates, to fade
        a task in or out. A task with weight 0 is left as it is. Updates are the batches in which
        some task has a loss (with `balanced_tok2vec`: sends a gradient that is not zero), the
        batches of an accumulated gradient one by one; others do not count.
    """

    needs_gradients = False

    def __init__(self, weights: dict[str, Any] | None = None) -> None:
        self._weights = {
            name: Setting(weight, f"the weight of the task '{name}'")
            for name, weight in (weights or {}).items()
        }
        self._update = 0
        for name, weight in (weights or {}).items():
            if isinstance(weight, (int, float)):
                _check(name, float(weight))

    def start(self, tasks: list[str]) -> None:
        """Check that every weight belongs to one of `tasks`."""
        unknown = sorted(set(self._weights) - set(tasks))
        if unknown:
            raise MTLError(
                f"Expected weights for the tasks {', '.join(tasks)}, got {', '.join(unknown)}. "
                "Correct the names in the balancer's `weights`."
            )

    def reset(self) -> None:
        """Begin with the first update again.

        RAISES (MTLError): If schedules have gone on.
        """
        begun = [name for name, weight in self._weights.items() if weight.begun]
        if begun:
            raise MTLError(
                "Expected schedules of weights at their beginning, to begin training anew, got "
                f"those of {', '.join(begun)} after {self._update} updates, and schedules do not "
                "go back. Make the pipeline from its config again, or load it from disk."
            )
        self._update = 0

    def weights(
        self, losses: Mapping[str, float], gradients: TaskGradients | None = None
    ) -> dict[str, float]:
        """The weights of the tasks in `losses` at this update."""
        found = {name: self._at_present(name) for name in losses}
        self._update += 1
        return found

    def state(self) -> State:
        """How many updates there were."""
        return {"update": np.asarray(self._update)}

    def load_state(self, state: State) -> None:
        """Go on with the schedules after so many updates."""
        self._update = int(state["update"])

    def _at_present(self, name: str) -> float:
        if name not in self._weights:
            return 1.0
        return _check(name, self._weights[name].at(self._update))


def _check(name: str, weight: float) -> float:
    if not math.isfinite(weight) or weight < 0:
        raise MTLError(f"Expected a weight of zero or more for the task '{name}', got {weight}.")
    return weight
