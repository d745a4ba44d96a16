"""One norm for the gradients of a component, by which they are clipped together."""

from __future__ import annotations

from typing import Any

import numpy as np

from .parameter_state import gradient_of
from .parameters import Key, Parameter


class CommonNorm:
    """The factor that brings all gradients of a component to a norm of at most `limit`.

    Where each array is clipped by itself, as thinc does it, arrays with large gradients go
    as fast as those with small ones. With this, all of a component keep their proportion, as in
    PyTorch's `clip_grad_norm_`.

    It is computed at a component's first parameter in a step, when the gradients of the others
    are still there.
    """

    def __init__(self) -> None:
        self._component: dict[Key, str] = {}
        self._members: dict[str, list[Parameter]] = {}
        self._factors: dict[str, float] = {}
        self._counted: dict[str, set[Key]] = {}
        self._seen: set[Key] = set()

    def know(self, parameters: list[Parameter]) -> None:
        """Get to know the parameters of a pipeline, in place of those known of its components."""
        members: dict[str, list[Parameter]] = {}
        for parameter in parameters:
            component = parameter.name.partition(".")[0]
            self._component[parameter.key] = component
            members.setdefault(component, []).append(parameter)
        self._members.update(members)

    def step(self) -> None:
        """Begin another step."""
        self._factors.clear()
        self._seen.clear()

    def factor(self, key: Key, gradient: Any, limit: float) -> float | None:
        """What to multiply the gradient of a parameter by, None for one of no known pipeline."""
        component = self._component.get(key)
        if component is None:
            return None
        counted = self._counted[component] if component in self._factors else {key}
        if key in self._seen or (key not in counted and square(gradient)):
            self.step()  # which nobody has announced
        self._seen.add(key)
        if component not in self._factors:
            norm = self._norm(component)
            self._factors[component] = limit / norm if norm > limit > 0 else 1.0
        return self._factors[component]

    def _norm(self, component: str) -> float:
        gradients = {p.key: gradient_of(p) for p in self._members[component] if p.has_value}
        squares = {key: square(each) for key, each in gradients.items() if each is not None}
        self._counted[component] = {key for key, total in squares.items() if total}
        return float(np.sqrt(sum(squares.values())))


def square(gradient: Any) -> float:
    """The sum of the squares of an array of any shape."""
    flat = gradient.reshape(-1)
    return float(flat @ flat)
