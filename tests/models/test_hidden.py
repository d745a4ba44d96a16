"""The maxout layer of heads, against thinc's."""

import numpy as np
import pytest
from thinc.api import Maxout, fix_random_seed, set_dropout_rate

from spacy_mtl.models import hidden
from spacy_mtl.models.hidden import HiddenLayer

WIDTH, N_IN = 5, 8


def rows(n):
    return np.random.default_rng(n).normal(size=(n, N_IN)).astype("f")


@pytest.fixture(params=[2, 3])
def pair(request):
    """thinc's layer and ours, of the same weights."""
    stock = Maxout(nO=WIDTH, nP=request.param, dropout=0.0, normalize=True)
    stock.initialize(X=rows(2))
    ours = HiddenLayer(WIDTH, request.param).from_bytes(stock.to_bytes())
    return stock, ours


@pytest.mark.parametrize("n", [0, 1, 9, 300])
def test_prediction(pair, n, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hidden, "BLOCK", 130)
    stock, ours = pair
    np.testing.assert_allclose(ours.predict(rows(n)), stock.predict(rows(n)), atol=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_training(pair, dropout):
    X, dZ = rows(7), np.random.default_rng(0).normal(size=(7, WIDTH)).astype("f")
    results = []
    for layer in pair:
        fix_random_seed(0)
        set_dropout_rate(layer, dropout)
        Z, backprop = layer.begin_update(X)
        dX = backprop(dZ.copy())
        grads = [n.get_grad(p) for n in layer.walk() for p in n.param_names]
        results.append([Z, dX, *grads])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_saved_weights_of_stock_are_read_and_written(pair):
    stock, ours = pair
    assert [node.name for node in ours.walk()] == [node.name for node in stock.walk()]
    assert stock.copy().from_bytes(ours.to_bytes()).to_bytes() == stock.to_bytes()
