"""The optimizer's averages of heads that were set from outside."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from thinc.api import Linear, Model, PyTorchWrapper, chain

from spacy_mtl.pipeline.steps import restart_averages


def test_averages_begin_anew():
    layer = Linear(2, 2)
    layer.initialize()
    averages = {(layer.id, "W"): np.zeros((2, 2)), (layer.id + 1, "W"): np.zeros(3)}
    optimizer: Any = SimpleNamespace(averages=averages)
    restart_averages(layer.walk(), optimizer)
    np.testing.assert_array_equal(averages[layer.id, "W"], layer.get_param("W"))
    assert averages[layer.id, "W"] is not layer.get_param("W") and len(averages) == 2
    assert not averages[layer.id + 1, "W"].any()
    optimizer.averages = None
    restart_averages(layer.walk(), optimizer)


def test_averages_of_a_layer_of_pytorch():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    module = torch.nn.Linear(2, 2)
    layer: Model = chain(PyTorchWrapper(module), Linear(2, 2))
    key = f"pytorch_{layer.layers[0].shims[0].id}_weight"
    averages: dict[Any, Any] = {key: np.zeros((2, 2), "f")}
    optimizer: Any = SimpleNamespace(averages=averages)
    restart_averages(layer.walk(), optimizer)
    np.testing.assert_array_equal(averages[key], module.weight.detach().numpy())
