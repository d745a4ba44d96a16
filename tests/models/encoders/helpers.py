"""Random weights, and outputs and gradients side by side."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import Model


def randomize(model: Model, seed: int = 0) -> Model:
    """Give every parameter random values, of about the size that they have in training."""
    rng = np.random.default_rng(seed)
    for node in model.walk():
        for name in node.param_names:
            shape = node.get_param(name).shape
            fan_in = shape[-1] if name == "W" else 1
            around = 1.0 if name == "G" else 0.0
            values = around + rng.normal(size=shape) / np.sqrt(fan_in)
            node.set_param(name, values.astype("f"))
    return model


def copy_weights(source: Model, target: Model) -> Model:
    """By bytes, as `nlp.from_disk` does."""
    return target.from_bytes(source.to_bytes())


def gradients(model: Model) -> list[tuple[str, str, NDArray]]:
    """Each parameter's node, name and gradient, zeros if it has none."""
    return [
        (node.name, name, node.get_grad(name) if node.has_grad(name) else 0 * node.get_param(name))
        for node in model.walk()
        for name in node.param_names
    ]


@dataclass
class Pass:
    """What a model gave for a batch, forward and backward."""

    outputs: list[NDArray]
    d_inputs: Any
    gradients: list[tuple[str, str, NDArray]]

    @classmethod
    def of(cls, model: Model, batch: Any, seed: int = 0) -> "Pass":
        """With a random gradient of the outputs; gradients of parameters start at zero."""
        for node in model.walk():
            for name in node.param_names:
                node.set_grad(name, 0 * node.get_param(name))
        outputs, backprop = model.begin_update(batch)
        d_inputs = backprop(random_like(outputs, seed))
        return cls(outputs, d_inputs, [(n, p, g.copy()) for n, p, g in gradients(model)])


def random_like(arrays: list[NDArray], seed: int = 0) -> list[NDArray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=array.shape).astype("f") for array in arrays]


def random_rows(lengths: list[int], width: int, seed: int = 0) -> list[NDArray]:
    return random_like([np.zeros((length, width)) for length in lengths], seed)


def assert_close(actual: Any, expected: Any, tolerance: float = 1e-5) -> None:
    """Arrays, or lists of them: off by `tolerance` of the largest value, if that is above 1."""
    if isinstance(expected, list):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_close(one, other, tolerance)
        return
    assert actual.shape == expected.shape and actual.dtype == expected.dtype
    largest = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * largest)


def assert_same_pass(actual: Pass, expected: Pass, tolerance: float = 1e-5) -> None:
    assert_close(actual.outputs, expected.outputs, tolerance)
    if expected.d_inputs and not isinstance(expected.d_inputs[0], Doc):
        assert_close(actual.d_inputs, expected.d_inputs, tolerance)
    assert_same_gradients(actual, expected, tolerance)


def assert_same_gradients(actual: Pass, expected: Pass, tolerance: float = 1e-5) -> None:
    assert len(actual.gradients) == len(expected.gradients) > 0
    for one, other in zip(actual.gradients, expected.gradients, strict=True):
        assert one[:2] == other[:2]
        assert_close(one[2], other[2], tolerance)


class Replay:
    """Masks of dropout that one model drew, for another to take in the same order."""

    def __init__(self, draw: Callable[..., Any], to_array: Callable[[Any], NDArray]) -> None:
        self._draw = draw
        self._to_array = to_array
        self.masks: list[NDArray] = []

    def record(self, like: Any, rate: float, ops: Any = None) -> Any:
        """In place of a backend's `keep_mask`."""
        mask = self._draw(like, rate)
        self.masks.append(self._to_array(mask).copy())
        return mask

    def replay(self, shape: tuple[int, ...], rate: float | None) -> NDArray:
        """In place of the method of thinc's `Ops`."""
        mask = self.masks.pop(0)
        assert mask.shape == tuple(shape)
        return mask
