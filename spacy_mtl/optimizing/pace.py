"""Factors on the learning rate that change during a training.

They are a state of this process, as what is frozen is. `spacy_mtl.GroupedOptimizer.v1` looks at
them, thinc's own optimizers do not.
"""

from __future__ import annotations

from collections.abc import Iterable

from .parameters import Key, Parameter

_PACES: dict[Key, float] = {}


def set_pace(parameters: Iterable[Parameter], factor: float) -> None:
    """Multiply the learning rate of these parameters from now on by this, in place of an earlier
    factor; 1 for nothing."""
    for parameter in parameters:
        _PACES.pop(parameter.key, None)
        if factor != 1.0:
            _PACES[parameter.key] = factor


def pace(key: Key) -> float:
    """The factor of a parameter."""
    return _PACES.get(key, 1.0)
