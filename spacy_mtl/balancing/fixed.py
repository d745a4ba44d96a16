"""Fixed weights: the default, and hard to beat."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
import math
from collections.abc import Mapping

from ..errors import MTLError
from ..state import State


class FixedWeights:
    """A constant weight for each task, 1 for those that are not named.

    Well-chosen fixed weights were found to do as well as adaptive methods (Kurin et al. 2022,
    https://arxiv.org/abs/2201.04122; Xin et al. 2022, https://arxiv.org/abs/2209.11379). The
    weights scale the gradient of each loss. Adam and the clipping of gradients cancel most of
    that for a head's own parameters; what counts is each task's share in the encoder's gradient.

    weights: by task name, positive or zero.
    """

    def __init__(self, weights: dict[str, float] | None = None) -> None:
        self._weights = dict(weights or {})
        for name, weight in self._weights.items():
            if not math.isfinite(weight) or weight < 0:
                raise MTLError(
                    f"Expected a weight of zero or more for the task '{name}', got {weight}."
                )

    def start(self, tasks: list[str]) -> None:
        """Check that every weight belongs to one of `tasks`."""
        unknown = sorted(set(self._weights) - set(tasks))
        if unknown:
            raise MTLError(
                f"Expected weights for the tasks {', '.join(tasks)}, got {', '.join(unknown)}. "
                "Correct the names in [components.multitask.balancer.weights]."
            )

    def weights(self, losses: Mapping[str, float]) -> dict[str, float]:
        """The constants of the tasks in `losses`."""
        return {name: self._weights.get(name, 1.0) for name in losses}

    def state(self) -> State:
        """Nothing: the weights are in the config."""
        return {}

    def load_state(self, state: State) -> None:
        """Nothing to set."""
