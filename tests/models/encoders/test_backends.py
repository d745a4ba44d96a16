"""Maxout layers in NumPy and PyTorch, which all compute the same."""

import pickle
import threading

import numpy as np
import pytest
from thinc.api import LayerNorm, Maxout, NumpyOps, chain, expand_window

from spacy_mtl.errors import MTLError
from spacy_mtl.models.encoders import array_backend, backends
from spacy_mtl.models.encoders.backends import Prepared, backend_for, check_precision

from .helpers import assert_close, random_rows

SIZES = [(1, 1, 1), (2, 5, 3), (7, 6, 2), (90, 4, 3), (5, 5, 1)]  # rows, width, pieces
W, B, G, SHIFT = 0, 1, 2, 3


def make_params(nO, nI, nP, seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(nO, nP, nI), (nO, nP), (nO,), (nO,)]
    return tuple(rng.normal(size=shape).astype("f") for shape in shapes)


def stock_layer(params, window):
    """thinc's, with these parameters."""
    nO, nP, nI = params[W].shape
    layer = chain(expand_window(window), Maxout(nO, nI, nP), LayerNorm(nO))
    layer.initialize()
    maxout, norm = layer.layers[1:]
    for node, name, array in zip(
        [maxout, maxout, norm, norm], ["W", "b", "G", "b"], params, strict=True
    ):
        node.set_param(name, array)
    return layer, lambda: [
        node.get_grad(name) for node, names in ((maxout, "Wb"), (norm, "Gb")) for name in names
    ]


def run(backend, layer, X, dZ):
    """Outputs of prediction and training, and all gradients, as arrays."""
    predicted = backend.to_array(layer.predict(backend.from_array(X)))
    Z, backprop = layer.begin_update(backend.from_array(X))
    dX, grads = backprop(backend.from_array(dZ))
    return [predicted, backend.to_array(Z), backend.to_array(dX), *grads]


@pytest.mark.parametrize("window", [0, 1, 2])
@pytest.mark.parametrize("n, width, pieces", SIZES)
def test_same_as_thinc(backend, n, width, pieces, window):
    """Of other widths going out than coming in, too."""
    for nO in (6, 9):
        params = make_params(nO, (2 * window + 1) * width, pieces)
        X, dZ = random_rows([n], width)[0], random_rows([n], nO, seed=1)[0]
        stock, stock_gradients = stock_layer(params, window)
        Z, backprop = stock.begin_update(X)
        expected = [Z, Z, backprop(dZ), *stock_gradients()]
        assert_close(run(backend, backend.MaxoutNorm(params, window), X, dZ), expected)


@pytest.mark.parametrize("window", [0, 1, 2])
@pytest.mark.parametrize("n, width, pieces", SIZES)
def test_prediction_of_few_rows(backend, n, width, pieces, window):
    params = make_params(6, (2 * window + 1) * width, pieces)
    X = random_rows([n], width)[0]
    layer = backend.MaxoutNorm.for_few(params, window)
    found = backend.to_array(layer.predict(backend.from_array(X)))
    assert_close(found, stock_layer(params, window)[0].predict(X))


def test_no_rows(backend):
    for window in (0, 1):
        params = make_params(4, (2 * window + 1) * 3, 2)
        X, dZ = np.zeros((0, 3), dtype="f"), np.zeros((0, 4), dtype="f")
        predicted, Z, dX, *grads = run(backend, backend.MaxoutNorm(params, window), X, dZ)
        assert predicted.shape == Z.shape == (0, 4) and dX.shape == (0, 3)
        assert [grad.shape for grad in grads] == [array.shape for array in params]
        assert not any(grad.any() for grad in grads)


@pytest.mark.parametrize("window", [0, 1])
def test_gradient_of_a_tie_goes_to_the_first_piece(backend, window):
    """As in thinc: where rows and biases are zero, and where two pieces are the same."""
    params = make_params(6, (2 * window + 1) * 5, 3)
    X, dZ = random_rows([9], 5, seed=2)[0], random_rows([9], 6, seed=1)[0]
    for whole in (X, params[W]):
        np.round(whole, out=whole)  # so that sums are exact in every order
    params[W][:, 2] = params[W][:, 1]
    params[B][...] = 0
    X[3:7] = 0
    stock, stock_gradients = stock_layer(params, window)
    Z, backprop = stock.begin_update(X)
    expected = [Z, Z, backprop(dZ), *stock_gradients()]
    assert not stock_gradients()[W][:, 2].any() and np.abs(stock_gradients()[B][:, 0]).max() > 100
    assert_close(run(backend, backend.MaxoutNorm(params, window), X, dZ), expected)


def test_given_arrays_stay_as_they_are(backend):
    params = make_params(5, 15, 3)
    X, dZ = random_rows([8, 8], 5)
    given = [*params, X, dZ]
    before = [array.copy() for array in given]
    run(backend, backend.MaxoutNorm(params, 1), X, dZ)
    assert all((a == b).all() for a, b in zip(given, before, strict=True))


@pytest.mark.parametrize("pieces", [1, 3])
def test_weights_that_change_before_the_gradient_comes(backend, pieces):
    """As in thinc, where spaCy's `tok2vec` updates itself before its listeners answer."""
    params = make_params(6, 15, pieces)
    X, dZ = random_rows([70], 5)[0], random_rows([70], 6, seed=1)[0]
    stock, stock_gradients = stock_layer(tuple(array.copy() for array in params), 1)
    layer = backend.MaxoutNorm(params, 1)
    _, backprop_stock = stock.begin_update(X)
    _, backprop = layer.begin_update(backend.from_array(X))
    stored = [node.get_param(name) for node in stock.layers[1:] for name in node.param_names]
    for array in [*params, *stored]:
        array *= np.float32(1.5)
    dX, grads = backprop(backend.from_array(dZ))
    expected = [backprop_stock(dZ), *stock_gradients()]
    assert_close([backend.to_array(dX), *grads], expected)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_masks_of_dropout(backend, rate):
    np.random.seed(0)
    like = np.zeros((300, 200), dtype="f")
    mask = backend.to_array(backend.keep_mask(backend.from_array(like), rate))
    assert mask.shape == like.shape and mask.dtype == "float32"
    assert (mask == 0).mean() == pytest.approx(rate, abs=0.01)
    kept = mask[mask != 0]
    assert not len(kept) or kept == pytest.approx(1 / (1 - rate), rel=1e-6)
    np.random.seed(0)
    again = backend.to_array(backend.keep_mask(backend.from_array(like), rate))
    assert (again == mask).all()


# PyTorch alone


@pytest.fixture
def torch_backend(monkeypatch):
    """With convolutions for batches of any size."""
    pytest.importorskip("torch", reason="torch is not installed")
    from spacy_mtl.models.encoders import torch_backend

    monkeypatch.setattr(torch_backend, "FEW_ROWS", 0)
    return torch_backend


@pytest.mark.parametrize("window", [0, 1, 2])
def test_products_of_the_gpu(torch_backend, window):
    """Windows that are copied, as on a GPU, give what convolutions do."""
    params = make_params(6, (2 * window + 1) * 5, 3)
    X, dZ = random_rows([100], 5)[0], random_rows([100], 6, seed=1)[0]
    layer = torch_backend.MaxoutNorm(params, window)
    assert not layer._is_copied(torch_backend.from_array(X))
    expected = run(torch_backend, layer, X, dZ)
    layer.on_gpu = True
    assert layer._is_copied(torch_backend.from_array(X))
    assert_close(run(torch_backend, layer, X, dZ), expected)


@pytest.mark.parametrize("window", [0, 1])
def test_half_precision(torch_backend, window):
    """Off by some hundredths in prediction, by nothing in training on the CPU."""
    params = make_params(32, (2 * window + 1) * 32, 3)
    X, dZ = random_rows([100, 100], 32)
    single = torch_backend.MaxoutNorm(params, window)
    expected = run(torch_backend, single, X, dZ)
    half = torch_backend.MaxoutNorm(params, window, "bf16")
    predicted = torch_backend.to_array(half.predict(torch_backend.from_array(X)))
    assert predicted.dtype == "float32"
    error = np.linalg.norm(predicted - expected[0]) / np.linalg.norm(expected[0])
    assert 1e-4 < error < 0.02
    trained = torch_backend.MaxoutNorm(params, window, "bf16", train=True)
    assert_close(run(torch_backend, trained, X, dZ), expected, tolerance=0)


def test_training_in_half_precision(torch_backend):
    """As on a GPU: gradients are of single precision, and near to those."""
    params = make_params(32, 96, 3)
    X, dZ = random_rows([100, 100], 32)
    expected = run(torch_backend, torch_backend.MaxoutNorm(params, 1), X, dZ)
    layer = torch_backend.MaxoutNorm(params, 1, "bf16")
    found = run(torch_backend, layer, X, dZ)
    for one, other in zip(found[1:], expected[1:], strict=True):
        assert one.dtype == "float32" and one.shape == other.shape
        assert np.linalg.norm(one - other) < 0.15 * np.linalg.norm(other)


# Choice


def test_torch_where_it_is_installed(monkeypatch):
    pytest.importorskip("torch", reason="torch is not installed")
    assert backend_for(NumpyOps()).__name__.endswith(".torch_backend")
    monkeypatch.setattr(backends, "has_torch", False)
    assert backend_for(NumpyOps()) is array_backend


def test_precisions(monkeypatch):
    check_precision("fp32")
    for wrong in ("", "FP32", "fp16"):
        with pytest.raises(MTLError, match=r"one of \['fp32', 'bf16'\]"):
            check_precision(wrong)
    monkeypatch.setattr(backends, "has_torch", True)
    check_precision("bf16")
    monkeypatch.setattr(backends, "has_torch", False)
    check_precision("fp32")
    with pytest.raises(MTLError, match=r"spacy-mtl\[torch\]"):
        check_precision("bf16")


def test_made_once_for_a_state():
    prepared, made = Prepared(), []

    def make():
        made.append(len(made))
        return made[-1]

    assert [prepared.get(state, make) for state in "aabba"] == [0, 0, 1, 1, 2]
    copy = pickle.loads(pickle.dumps(prepared))
    assert copy.get("a", make) == 3


def test_failure_to_make_leaves_nothing():
    prepared = Prepared()
    assert prepared.get("a", lambda: 1) == 1
    with pytest.raises(ZeroDivisionError):
        prepared.get("b", lambda: 1 / 0)
    assert prepared.get("b", lambda: 2) == 2


def test_threads_wait_for_what_another_makes():
    prepared, made, start = Prepared(), [], threading.Barrier(4)

    def get():
        start.wait()
        prepared.get("state", lambda: made.append(1) or "made")

    threads = [threading.Thread(target=get) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_numbers_of_rows_are_few_and_little_larger(torch_backend):
    found = {torch_backend.rounded(rows) for rows in range(65, 2000)}
    assert len(found) < 60
    for rows in (*range(1, 3000), 100_000):
        more = torch_backend.rounded(rows)
        assert rows <= more <= max(rows * 1.25, rows + 16) or rows > 2048
        assert torch_backend.rounded(more) == more
        assert array_backend.rounded(rows) == rows


def test_sums_of_rows(backend):
    rng = np.random.default_rng(0)
    table, weights = rng.normal(size=(9, 4)).astype("f"), rng.normal(size=6).astype("f")
    rows, lengths = np.asarray([3, 3, 8, 0, 1, 3], "int32"), np.asarray([1, 3, 2], "int32")
    weighted = table[rows] * weights[:, None]
    expected = np.stack([part.sum(axis=0) for part in np.split(weighted, [1, 4])])
    assert_close([backend.sum_rows(table, rows, weights, lengths)], [expected])
