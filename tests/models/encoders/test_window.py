"""The window encoder against spaCy's `MaxoutWindowEncoder`, which is the truth."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.ml.models.tok2vec import MaxoutWindowEncoder
from spacy.util import fix_random_seed
from thinc.api import NumpyOps, Ragged, set_dropout_rate

from spacy_mtl.errors import MTLError
from spacy_mtl.models.encoders import window
from spacy_mtl.models.encoders.window import WindowEncoder

from .helpers import (
    Pass,
    Replay,
    assert_close,
    assert_same_pass,
    copy_weights,
    random_like,
    random_rows,
    randomize,
)

WIDTH = 6
LENGTHS = [3, 1, 0, 8, 2]
# Width, window, pieces and depth. In very narrow rows layer norm magnifies rounding.
shapes = st.tuples(st.integers(8, 16), st.integers(0, 2), st.integers(1, 4), st.integers(1, 4))


def both(width=WIDTH, size=1, pieces=3, depth=2, seed=0, **settings):
    """Ours and spaCy's, with the same weights."""
    stock = MaxoutWindowEncoder(width, size, pieces, depth)
    stock.initialize()
    randomize(stock, seed)
    return copy_weights(stock, WindowEncoder(width, size, pieces, depth, **settings)), stock


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    shape=shapes,
    lengths=st.lists(st.integers(0, 7), max_size=5).filter(any),
    seed=st.integers(0, 2**31),
)
def test_same_as_stock(backend, shape, lengths, seed):
    """Outputs, in prediction as in training, and gradients of inputs and parameters."""
    ours, stock = both(*shape, seed=seed)
    Xs = random_rows(lengths, shape[0], seed)
    assert_close(ours.predict(Xs), stock.predict(Xs))
    assert_same_pass(Pass.of(ours, Xs), Pass.of(stock, Xs))


@pytest.mark.parametrize("size", [0, 1, 2])
@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_batches_without_words(backend, size, lengths):
    ours, _ = both(size=size)
    Xs = random_rows(lengths, WIDTH)
    shapes = [(0, WIDTH)] * len(lengths)
    assert [Y.shape for Y in ours.predict(Xs)] == shapes
    learned = Pass.of(ours, Xs)
    assert [Y.shape for Y in learned.outputs] == [dX.shape for dX in learned.d_inputs] == shapes
    assert not any(gradient.any() for _, _, gradient in learned.gradients)


@pytest.mark.parametrize("size", [0, 1, 2])
def test_documents_do_not_see_their_neighbours(backend, size):
    ours, stock = both(size=size, depth=3)
    Xs = random_rows(LENGTHS, WIDTH)
    apart = [Y for X in Xs for Y in stock.predict([X])]
    assert_close(ours.predict(Xs), apart)
    assert_close(ours.predict(Xs[::-1]), apart[::-1])
    changed = [Xs[0], *random_rows(LENGTHS[1:], WIDTH, seed=1)]
    assert_close(ours.predict(changed)[0], apart[0])
    assert_close(ours.begin_update(changed)[0][0], apart[0])


@pytest.mark.parametrize("limit", [1, 4, 9])
def test_blocks(backend, limit, monkeypatch):
    ours, stock = both()
    Xs = random_rows([*LENGTHS, 0, 0, 5, 1, 0], WIDTH)
    monkeypatch.setattr(window, "BLOCK", limit)
    assert len(list(window._blocks(Xs, 2, limit))) > 1
    assert_close(ours.predict(Xs), stock.predict(Xs))


def test_blocks_hold_all_documents_in_order():
    Xs = random_rows([2, 3, 9, 0, 1], WIDTH)
    blocks = list(window._blocks(Xs, 1, 5))
    assert [[len(X) for X in block] for block in blocks] == [[2, 3], [9], [0, 1]]


def test_layers_that_start_at_zero(backend):
    """Without biases the rows between documents are zero: all pieces are equal there, and layer
    norm multiplies their gradients by 10000.
    """
    ours, stock = both()
    for model in (ours, stock):
        for node in model.walk():
            if "b" in node.param_names:
                node.set_param("b", 0 * node.get_param("b"))
    Xs = random_rows(LENGTHS, WIDTH)
    Xs[3][2:5] = 0
    expected = Pass.of(stock, Xs)
    assert max(np.abs(gradient).max() for _, _, gradient in expected.gradients) > 100
    assert_same_pass(Pass.of(ours, Xs), expected)


def test_gradients_add_up(backend):
    ours, stock = both()
    for model in (ours, stock):
        for seed in (0, 1):
            Xs = random_rows(LENGTHS, WIDTH, seed)
            Ys, backprop = model.begin_update(Xs)
            backprop(random_like(Ys, seed))
    for one, other in zip(ours.walk(), stock.walk(), strict=True):
        assert_close(*([node.get_grad(p) for p in node.grad_names] for node in (one, other)))


def test_inputs_stay_as_they_are(backend):
    ours, _ = both()
    Xs = random_rows(LENGTHS, WIDTH)
    before = copy.deepcopy(Xs)
    Ys, backprop = ours.begin_update(Xs)
    dYs = random_like(Ys)
    kept = copy.deepcopy(dYs)
    backprop(dYs)
    ours.predict(Xs)
    assert all((a == b).all() for a, b in zip(Xs + dYs, before + kept, strict=True))


# Other types


def test_other_types_go_through_stock_code(backend):
    ours, stock = both()
    rows = random_rows([7], WIDTH)[0]
    ragged = Ragged(rows, np.asarray([3, 0, 4], dtype="i"))
    for batch in (rows, ragged, (rows[:3], rows[3:])):
        for is_train in (False, True):
            (Y, backprop), (expected, backprop_stock) = (m(batch, is_train) for m in (ours, stock))
            assert type(Y) is type(expected)
            dX, d_expected = backprop(Y), backprop_stock(expected)
            if batch is ragged:
                Y, expected, dX, d_expected = (R.dataXd for R in (Y, expected, dX, d_expected))
            assert_close(Y, expected)
            assert_close(dX, d_expected)


# Weights


def test_weights_go_both_ways(backend):
    ours, stock = both()
    Xs = random_rows(LENGTHS, WIDTH)
    other = MaxoutWindowEncoder(WIDTH, 1, 3, 2)
    other.initialize()
    copy_weights(ours, other)
    assert all((a == b).all() for a, b in zip(other.predict(Xs), stock.predict(Xs), strict=True))
    assert copy_weights(other, ours).to_bytes() == ours.to_bytes()


def test_initialized_like_stock(backend):
    Xs = random_rows(LENGTHS, WIDTH)
    found = []
    for make in (WindowEncoder, MaxoutWindowEncoder):
        fix_random_seed(3)
        model = make(WIDTH, 1, 3, 2)
        model.initialize(X=Xs)
        assert model.get_dim("nO") == WIDTH
        found.append(model.predict(Xs))
    assert_close(*found)


@pytest.mark.parametrize(
    "duplicate", [lambda m: m.copy(), copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_stand_alone(backend, duplicate):
    ours, stock = both()
    Xs = random_rows(LENGTHS, WIDTH)
    expected = ours.predict(Xs)
    other = duplicate(ours)
    randomize(ours, seed=1)
    assert_close(other.predict(Xs), expected)
    assert_close(ours.predict(Xs), randomize(stock, seed=1).predict(Xs))
    assert_same_pass(Pass.of(duplicate(ours), Xs), Pass.of(stock, Xs))


def test_changed_weights_are_noticed(backend):
    """After a change of one value of any parameter, as after updates."""
    ours, stock = both(pieces=1)
    Xs = random_rows(LENGTHS, WIDTH)
    for one, other in zip(list(ours.walk()), list(stock.walk()), strict=True):
        for name in one.param_names:
            before = ours.predict(Xs)
            for node in (one, other):
                node.get_param(name).flat[1] += 0.5
            after = ours.predict(Xs)
            assert_close(after, stock.predict(Xs))
            assert not np.allclose(after[0], before[0])


def test_averages(backend):
    """In `use_params`, and back."""
    ours, stock = both()
    Xs = random_rows(LENGTHS, WIDTH)
    before = ours.predict(Xs)
    averages = {
        (node.id, name): node.get_param(name) / 2
        for node in ours.walk()
        for name in node.param_names
    }
    with ours.use_params(averages):
        copy_weights(ours, stock)
        inside = ours.predict(Xs)
        assert_close(inside, stock.predict(Xs))
    assert not np.allclose(inside[0], before[0])
    assert_close(ours.predict(Xs), before)


# Dropout


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_same_as_stock_with_the_same_dropout(backend, rate, monkeypatch):
    ours, stock = both()
    Xs = random_rows([3, 1, 8], WIDTH)
    for model in (ours, stock):
        set_dropout_rate(model, rate)
    drawn = Replay(backend.keep_mask, backend.to_array)
    monkeypatch.setattr(backend, "keep_mask", drawn.record)
    monkeypatch.setattr(NumpyOps, "get_dropout_mask", lambda ops, *args: drawn.replay(*args))
    actual = Pass.of(ours, Xs)
    assert len(drawn.masks) == 2 and all((mask == 0).any() for mask in drawn.masks)
    assert_same_pass(actual, Pass.of(stock, Xs))


def test_dropout_is_random_in_training_alone(backend):
    ours, _ = both()
    Xs = random_rows(LENGTHS, WIDTH)
    still = ours.predict(Xs)
    assert_close(Pass.of(ours, Xs).outputs, still)
    set_dropout_rate(ours, 0.3)
    fix_random_seed(5)
    first, second = (np.concatenate(ours.begin_update(Xs)[0]) for _ in range(2))
    fix_random_seed(5)
    again = np.concatenate(ours.begin_update(Xs)[0])
    assert (first == again).all() and not np.allclose(first, second)
    assert_close(ours.predict(Xs), still)
    for node in ours.walk():
        if node.name == "dropout":
            node.attrs["is_enabled"] = False
    assert_close(ours.begin_update(Xs)[0], still)


# Precision


def relative_error(actual, expected):
    actual, expected = np.concatenate(actual), np.concatenate(expected)
    return np.linalg.norm(actual - expected) / np.linalg.norm(expected)


@pytest.fixture
def half():
    """A model of precision "bf16", and spaCy's."""
    pytest.importorskip("torch", reason="torch is not installed")
    return both(32, depth=4, precision="bf16")


def test_half_precision_moves_outputs_by_a_hundredth(half, monkeypatch):
    ours, stock = half
    monkeypatch.setattr(window, "FEW_ROWS", 0)
    Xs = random_rows([20, 0, 50, 1], 32)
    Ys = ours.predict(Xs)
    assert all(Y.dtype == "float32" for Y in Ys)
    assert 1e-4 < relative_error(Ys, stock.predict(Xs)) < 0.02
    monkeypatch.setattr(window, "FEW_ROWS", 1000)
    assert relative_error(ours.predict(Xs), stock.predict(Xs)) < 1e-5


def test_precision_leaves_training_alone(half):
    ours, _ = half
    single = copy_weights(ours, WindowEncoder(32, 1, 3, 4))
    Xs = random_rows(LENGTHS, 32)
    assert_same_pass(Pass.of(ours, Xs), Pass.of(single, Xs), tolerance=0)


def test_precision_is_not_saved_with_the_weights(half):
    ours, stock = half
    Xs = random_rows(LENGTHS, 32)
    single = copy_weights(ours, WindowEncoder(32, 1, 3, 4))
    assert_close(single.predict(Xs), stock.predict(Xs))
    expected = np.concatenate(ours.predict(Xs))
    for other in (copy_weights(single, ours), ours.copy(), pickle.loads(pickle.dumps(ours))):
        assert (np.concatenate(other.predict(Xs)) == expected).all()


# Errors


@pytest.mark.parametrize("name, value", [("depth", 0), ("maxout_pieces", 0), ("window_size", -1)])
def test_bad_shapes(name, value):
    shape = {"width": 4, "window_size": 1, "maxout_pieces": 2, "depth": 1}
    with pytest.raises(MTLError, match=f"{name} .*got .*{value}"):
        WindowEncoder(**{**shape, name: value})


def test_bad_precision():
    with pytest.raises(MTLError, match="fp32.*bf16.*got 'fp64'"):
        WindowEncoder(4, 1, 2, 1, precision="fp64")


def test_half_precision_needs_torch(monkeypatch):
    monkeypatch.setattr("spacy_mtl.models.encoders.backends.has_torch", False)
    with pytest.raises(MTLError, match="PyTorch.*bf16"):
        WindowEncoder(4, 1, 2, 1, precision="bf16")
    ours, stock = both()
    Xs = random_rows(LENGTHS, WIDTH)
    assert_close(ours.predict(Xs), stock.predict(Xs))


def test_no_gradient_of_a_prediction(backend):
    ours, _ = both()
    Ys, backprop = ours(random_rows(LENGTHS, WIDTH), False)
    with pytest.raises(MTLError, match="is_train"):
        backprop(Ys)
