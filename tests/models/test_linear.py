"""The linear layer against thinc's."""

import numpy as np
import pytest
from thinc import api
from thinc.api import zero_init

from spacy_mtl.models.linear import Linear


def both(nO=3, nI=5):
    rng = np.random.default_rng(0)
    models = [Linear(zero_init), api.Linear(init_W=zero_init)]
    W, b = rng.normal(size=(nO, nI)).astype("f"), rng.normal(size=nO).astype("f")
    for model in models:
        model.set_dim("nO", nO)
        model.initialize(X=np.zeros((1, nI), dtype="f"))
        assert not model.get_param("W").any()
        model.set_param("W", W)
        model.set_param("b", b)
    return models


@pytest.mark.parametrize("n", [0, 1, 2, 40])
@pytest.mark.parametrize("order", ["C", "F"])
def test_same_as_thinc(n, order):
    ours, stock = both()
    rng = np.random.default_rng(n)
    X, dY = rng.normal(size=(n, 5)).astype("f"), rng.normal(size=(n, 3)).astype("f")
    X, dY = np.asarray(X, order=order), np.asarray(dY, order=order)
    np.testing.assert_allclose(ours.predict(X), X @ stock.get_param("W").T + stock.get_param("b"))
    if not n:  # which thinc does not take
        Y, backprop = ours.begin_update(X)
        assert Y.shape == (0, 3) and backprop(dY).shape == (0, 5)
        return
    for _ in range(2):  # gradients add up
        results = []
        for model in (ours, stock):
            Y, backprop = model.begin_update(np.ascontiguousarray(X))
            dX = backprop(np.ascontiguousarray(dY))
            results.append((Y, dX, model.get_grad("W").copy(), model.get_grad("b").copy()))
        for one, other in zip(*results, strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_weights_go_both_ways():
    ours, stock = both()
    X = np.random.default_rng(1).normal(size=(4, 5)).astype("f")
    for source, target in ((ours, api.Linear()), (stock, Linear(zero_init))):
        target.from_bytes(source.to_bytes())
        np.testing.assert_allclose(target.predict(X), source.predict(X), rtol=1e-6)
    assert ours.name == stock.name and ours.param_names == stock.param_names


def test_initial_weights():
    model = Linear(api.glorot_uniform_init)
    X, Y = np.zeros((2, 5), dtype="f"), np.zeros((2, 3), dtype="f")
    model.initialize(X=X, Y=Y)
    assert model.get_param("W").shape == (3, 5) and model.get_param("W").any()
    assert model.get_param("b").tolist() == [0, 0, 0]
