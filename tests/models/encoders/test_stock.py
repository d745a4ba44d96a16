import numpy as np
import pytest
from spacy.ml.models.tok2vec import MaxoutWindowEncoder
from thinc.api import LayerNorm, Linear, Maxout, chain

from spacy_mtl.models.encoders.stock import Fingerprint, Found, MaxoutNodes

from .helpers import gradients, randomize


def test_layers_in_their_order():
    model = MaxoutWindowEncoder(4, 1, 2, 3)
    model.initialize()
    randomize(model)
    layers = MaxoutNodes.below(model)
    expected = [node for node in model.walk(order="dfs_pre") if node.name == "maxout"]
    assert [layer.maxout for layer in layers] == expected and len(layers) == 3
    W, b, G, shift = layers[1].params()
    assert W is expected[1].get_param("W") and b is expected[1].get_param("b")
    assert G is layers[1].norm.get_param("G") and shift is layers[1].norm.get_param("b")


def test_gradients_go_to_their_parameters():
    model = MaxoutWindowEncoder(4, 1, 2, 2)
    model.initialize()
    layer = MaxoutNodes.below(model)[1]
    grads = [np.full_like(array, i + 1) for i, array in enumerate(layer.params())]
    layer.inc_grads(*(grad.copy() for grad in grads))
    layer.inc_grads(*grads)
    found = [float(gradient.flat[0]) for _, _, gradient in gradients(model)]
    assert sorted(found) == [0, 0, 0, 0, 2, 4, 6, 8]
    assert (layer.maxout.get_grad("W") == 2).all() and (layer.norm.get_grad("b") == 8).all()


def test_layers_of_another_kind_are_no_layers():
    with pytest.raises(ValueError):
        MaxoutNodes.below(chain(Maxout(4, 4, normalize=True), Maxout(4, 4, normalize=True)))


def test_rate_of_dropout():
    model = MaxoutWindowEncoder(4, 1, 2, 1)
    (layer,) = MaxoutNodes.below(model)
    assert layer.dropout_rate == 0.0
    layer.dropout.attrs["dropout_rate"] = 0.3
    assert layer.dropout_rate == 0.3
    layer.dropout.attrs["is_enabled"] = False
    assert layer.dropout_rate == 0.0


@pytest.mark.parametrize("width", [3, 4])  # odd and even numbers of values
@pytest.mark.parametrize("layout", ["C", "F"])
def test_fingerprint_sees_every_value(width, layout):
    model = Linear(width, 3)
    model.initialize()
    fingerprint = Fingerprint(model)
    for name in model.param_names:
        array = np.asarray(model.get_param(name), order=layout)
        model.set_param(name, array)
        for place in np.ndindex(*array.shape):
            before = fingerprint.take()
            assert fingerprint.take() == before
            array[place] = np.nextafter(array[place], np.float32(9))
            assert fingerprint.take() != before


def test_fingerprint_belongs_to_the_values():
    model, other = Linear(3, 3), Linear(3, 3)
    for each in (model, other):
        each.initialize()
        randomize(each)
    fingerprint = Fingerprint(model)
    assert fingerprint.take() == Fingerprint(other).take()
    model.set_param("W", other.get_param("W") + 1)
    changed = fingerprint.take()
    assert changed != Fingerprint(other).take()
    model.set_param("W", other.get_param("W").copy())
    assert fingerprint.take() == Fingerprint(other).take()


def test_fingerprint_sees_places_and_signs():
    model = Linear(6, 4)
    model.initialize()
    randomize(model)
    fingerprint, W = Fingerprint(model), model.get_param("W")
    before, seen = W.copy(), {fingerprint.take()}
    for changed in (before[::-1], -before, before * [1, -1, 1, 1], before[:, ::-1]):
        W[...] = changed
        assert fingerprint.take() not in seen
        seen.add(fingerprint.take())
    W[...] = before
    assert fingerprint.take() in seen


def test_replaced_nodes_are_found():
    model = MaxoutWindowEncoder(4, 1, 2, 2)
    found = Found(MaxoutNodes.below)
    first = found.below(model)
    assert found.below(model) is first
    other = LayerNorm(4)
    model.replace_node(first[1].norm, other)
    assert found.below(model)[1].norm is other
