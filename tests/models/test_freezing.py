"""What is frozen does not move, and nothing else about it changes."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from thinc.api import Adam, Linear, Model, Relu, chain

from spacy_mtl.models.freezing import (
    freeze,
    frozen_names,
    is_frozen,
    owners,
    parameter_names,
    set_frozen,
    unfreeze,
)

X = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


def two_layers() -> Model:
    return chain(Relu(4, 3), Linear(2, 4)).initialize(X=X)


def optimizer() -> Any:
    return Adam(0.1, L2=0.1)


def update(model: Model, sgd: Any) -> Any:
    """A step on the model's own output; the gradient of the input."""
    Y, backprop = model.begin_update(X)
    dX = backprop(Y.copy())
    model.finish_update(sgd)
    return dX


def test_a_frozen_model_does_not_move_despite_momentum_and_weight_decay():
    model, sgd = two_layers(), optimizer()
    for _ in range(3):
        update(model, sgd)
    freeze(model.layers[0])
    lower, upper = model.layers[0].to_bytes(), model.layers[1].to_bytes()
    averages = {key: value.copy() for key, value in sgd.averages.items()}
    for _ in range(3):
        update(model, sgd)
    assert model.layers[0].to_bytes() == lower
    assert model.layers[1].to_bytes() != upper
    for name in ("W", "b"):
        key = (model.layers[0].id, name)
        np.testing.assert_array_equal(sgd.averages[key], averages[key])


def test_gradients_pass_through_what_is_frozen():
    free, frozen = two_layers(), two_layers()
    frozen.from_bytes(free.to_bytes())
    freeze(frozen)
    np.testing.assert_array_equal(update(free, optimizer()), update(frozen, optimizer()))


def test_an_unfrozen_model_learns_from_its_next_gradient_on():
    model, sgd = two_layers(), optimizer()
    update(model, sgd)
    freeze(model)
    update(model, sgd)
    unfreeze(model)
    before = model.to_bytes()
    model.finish_update(sgd)
    assert model.to_bytes() == before
    update(model, sgd)
    assert model.to_bytes() != before


def test_freezing_drops_the_gradient_that_waits():
    model, sgd = two_layers(), optimizer()
    _, backprop = model.begin_update(X)
    backprop(np.ones((5, 2), dtype="float32"))
    freeze(model)
    before = model.to_bytes()
    model.finish_update(sgd)
    unfreeze(model)
    model.finish_update(sgd)
    assert model.to_bytes() == before
    assert not model.get_gradients()


def test_single_parameters():
    model, sgd = Linear(2, 3).initialize(X=X), optimizer()
    _, backprop = model.begin_update(X)
    backprop(np.ones((5, 2), dtype="float32"))
    set_frozen(model, ["W"])
    assert model.has_grad("b") and not model.has_grad("W")
    assert frozen_names(model) == {"W"} and not is_frozen(model)
    W, b = model.get_param("W").copy(), model.get_param("b").copy()
    model.set_grad("W", np.ones_like(W))
    model.finish_update(sgd)
    np.testing.assert_array_equal(model.get_param("W"), W)
    assert (model.get_param("b") != b).all()
    set_frozen(model, ["W", "b"])
    assert is_frozen(model)


def test_is_frozen_asks_for_parameters():
    assert not is_frozen(two_layers())
    nothing: Model = Model("nothing", lambda model, X, is_train: (X, lambda dY: dY))
    freeze(nothing)
    assert not is_frozen(nothing)


def test_saving_and_loading():
    model = two_layers()
    before = model.to_bytes()
    freeze(model)
    assert model.to_bytes() == before
    other = two_layers()
    freeze(other)
    assert other.from_bytes(before).to_bytes() == before
    assert is_frozen(other)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_pickled_layer_stays_frozen(duplicate):
    model = Linear(2, 3).initialize(X=X)
    freeze(model)
    other = duplicate(model)
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    assert is_frozen(other)
    unfreeze(other)
    assert is_frozen(model)


def test_a_copy_is_free():
    model = two_layers()
    freeze(model)
    other = model.copy()
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    assert is_frozen(model) and not is_frozen(other)


def test_other_values_for_a_while():
    model, sgd = two_layers(), optimizer()
    update(model, sgd)
    freeze(model)
    before = model.to_bytes()
    with model.use_params(sgd.averages):
        assert model.to_bytes() != before
    assert model.to_bytes() == before


class TestTorch:
    @pytest.fixture
    def torch(self) -> Any:
        return pytest.importorskip("torch", reason="torch is not installed")

    def wrapped(self, torch: Any) -> Model:
        from thinc.api import PyTorchWrapper

        torch.manual_seed(0)
        return PyTorchWrapper(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)))

    def values(self, model: Model) -> dict[str, Any]:
        named = model.shims[0]._model.named_parameters()
        return {name: tensor.detach().clone().numpy() for name, tensor in named}

    def moved(self, model: Model, sgd: Any) -> set[str]:
        before = self.values(model)
        update(model, sgd)
        after = self.values(model)
        return {name for name in before if (before[name] != after[name]).any()}

    def test_a_part_is_frozen_and_learns_again(self, torch):
        model, sgd = self.wrapped(torch), optimizer()
        names = set(parameter_names(model.shims[0]))
        assert self.moved(model, sgd) == names == {"0.weight", "0.bias", "1.weight", "1.bias"}
        set_frozen(model.shims[0], ["0.weight", "0.bias"])
        assert self.moved(model, sgd) == {"1.weight", "1.bias"}
        freeze(model)
        assert is_frozen(model) and self.moved(model, sgd) == set()
        unfreeze(model)
        assert self.moved(model, sgd) == names

    def test_what_did_not_learn_before_does_not_learn_after(self, torch):
        model, sgd = self.wrapped(torch), optimizer()
        model.shims[0]._model[0].weight.requires_grad_(False)
        freeze(model)
        unfreeze(model)
        assert self.moved(model, sgd) == {"0.bias", "1.weight", "1.bias"}

    def test_backward_through_a_frozen_model(self, torch):
        free, frozen = self.wrapped(torch), self.wrapped(torch)
        freeze(frozen)
        np.testing.assert_array_equal(update(free, optimizer()), update(frozen, optimizer()))

    def test_backward_where_nothing_learns(self, torch):
        from thinc.api import PyTorchWrapper

        model, sgd = PyTorchWrapper(torch.nn.Embedding(7, 2)), optimizer()
        model.attrs["convert_inputs"] = _as_indices
        freeze(model)
        before = self.values(model)
        Y, backprop = model.begin_update(np.asarray([1, 2]))
        backprop(Y)
        model.finish_update(sgd)
        np.testing.assert_array_equal(self.values(model)["weight"], before["weight"])
        unfreeze(model)
        Y, backprop = model.begin_update(np.asarray([1, 2]))
        backprop(Y)
        model.finish_update(sgd)
        assert (self.values(model)["weight"] != before["weight"]).any()

    def test_a_copy_can_be_unfrozen(self, torch):
        model = self.wrapped(torch)
        freeze(model)
        other = model.copy()
        unfreeze(other)
        assert self.moved(other, optimizer()) == set(parameter_names(other.shims[0]))
        assert is_frozen(model)

    def test_a_wrapper_without_a_model_has_no_parameters(self, torch):
        from thinc.api import PyTorchShim

        model: Model = Model("empty", lambda model, X, is_train: (X, None), shims=[])
        model.shims.append(PyTorchShim(None))
        assert list(owners(model)) == []


def _as_indices(model: Model, X: Any, is_train: bool) -> Any:
    import torch
    from thinc.types import ArgsKwargs

    return ArgsKwargs(args=(torch.as_tensor(X),), kwargs={}), lambda dX: None
