"""The encoders on a GPU give what they give on the CPU."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import spacy
from thinc.api import Model, get_current_ops, require_cpu, require_gpu, set_current_ops, to_numpy
from thinc.util import gpu_is_available, has_cupy

from spacy_mtl.models.encoders.array_backend import FEW_ROWS
from spacy_mtl.models.encoders.hash_embed import HashEmbed
from spacy_mtl.models.encoders.window import WindowEncoder

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not has_cupy, reason="cupy is not installed"),
    pytest.mark.skipif(not gpu_is_available(), reason="there is no CUDA device"),
]
WIDTH = 16
LENGTHS = [3, 0, 1, 2 * FEW_ROWS]


@pytest.fixture(autouse=True)
def ops_as_before() -> Iterator[None]:
    before = get_current_ops()
    yield
    set_current_ops(before)


def trained_step(model: Model, inputs: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """Predictions, outputs in training, and all parameters' gradients, on the host."""
    predicted = model.predict(inputs)
    outputs, backprop = model.begin_update(inputs)
    backprop([model.ops.asarray(np.cos(to_numpy(Y) * 9)) for Y in outputs])
    grads = [n.get_grad(name) for n in model.walk() for name in n.param_names]
    return tuple([to_numpy(array) for array in part] for part in (predicted, outputs, grads))


def assert_same(model: Model, make_inputs: Any, bound: float) -> None:
    require_cpu()
    expected = trained_step(model, make_inputs(np))
    data = model.to_bytes()
    require_gpu(0)
    model.to_gpu(0)
    model.from_bytes(data)
    for _ in range(2):  # what was prepared for the CPU must not be used
        found = trained_step(model, make_inputs(model.ops.xp))
        for ours, theirs in zip(found[:2], expected[:2], strict=True):
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(a, b, atol=bound, rtol=bound)
        for a, b in zip(found[2], expected[2], strict=True):
            np.testing.assert_allclose(a, b, atol=bound * max(1, abs(b).max()), rtol=bound)
        for node in model.walk():
            for name in node.param_names:
                node.set_grad(name, node.get_grad(name) * 0)


@pytest.mark.parametrize("precision, bound", [("fp32", 1e-4), ("bf16", 0.1)])
def test_window_encoder(precision: str, bound: float) -> None:
    require_cpu()
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(n, WIDTH)).astype("f") for n in LENGTHS]
    model = WindowEncoder(WIDTH, 1, 3, 2, precision)
    model.initialize(X=rows)
    assert_same(model, lambda xp: [xp.asarray(X) for X in rows], bound)


@pytest.mark.parametrize("cache_bits", [0, 4])
def test_hash_embed(cache_bits: int) -> None:
    require_cpu()
    nlp = spacy.blank("en")
    docs = [nlp(" ".join(f"w{i % 90}" for i in range(n))) for n in LENGTHS]
    model = HashEmbed(WIDTH, ["NORM", "SHAPE"], [50, 20], False, cache_bits)
    model.initialize(X=docs)
    assert_same(model, lambda xp: docs, 1e-4)
