from typing import Any

import numpy as np
import pytest
from thinc.api import Linear, Model

from spacy_mtl.errors import MTLError
from spacy_mtl.models.heads import TokenHead, set_outputs
from spacy_mtl.models.topologies import base as topologies
from spacy_mtl.models.topologies.layer_mix import LayerMix, scalar_mix

LAYERS, WIDTH = 3, 4


def mixed_by(shares: Any, gain: float, X: Any) -> Any:
    """The definition, layer by layer."""
    parts = [X[:, i * WIDTH : (i + 1) * WIDTH] for i in range(LAYERS)]
    return gain * sum(share * part for share, part in zip(shares, parts, strict=True))


@pytest.fixture
def X() -> Any:
    return np.random.default_rng(0).normal(size=(5, LAYERS * WIDTH)).astype("f")


def test_begins_as_the_mean_of_the_layers(X: Any) -> None:
    expected = mixed_by([1 / 3] * 3, 1, X)
    np.testing.assert_allclose(scalar_mix(LAYERS).predict(X), expected, atol=1e-6)


def test_is_a_softmax_over_the_layers_times_a_gain(X: Any) -> None:
    mix = scalar_mix(LAYERS)
    mix.set_param("weights", np.log(np.asarray([1, 2, 5], "f")))
    mix.set_param("gain", np.asarray([3], "f"))
    expected = mixed_by([1 / 8, 2 / 8, 5 / 8], 3, X)
    np.testing.assert_allclose(mix.predict(X), expected, atol=1e-5)


def test_gradients_are_those_of_small_steps(X: Any) -> None:
    mix = scalar_mix(LAYERS)
    mix.set_param("weights", np.asarray([0.3, -0.2, 0.9], "f"))
    mix.set_param("gain", np.asarray([1.7], "f"))
    dY = np.random.default_rng(1).normal(size=(5, WIDTH)).astype("f")
    _, backprop = mix(X, is_train=True)
    dX = backprop(dY)

    def change(array: Any, place: Any, step: float = 1e-2) -> float:
        sides = []
        for sign in (1, -1):
            array[place] += sign * step
            sides.append((mix.predict(X) * dY).sum())
            array[place] -= sign * step
        return float(sides[0] - sides[1]) / (2 * step)

    for name in ("weights", "gain"):
        param: Any = mix.get_param(name)
        found = [change(param, place) for place in range(len(param))]
        np.testing.assert_allclose(mix.get_grad(name), found, rtol=1e-2, atol=1e-2)
    assert dX[1, 5] == pytest.approx(change(X, (1, 5)), rel=1e-2, abs=1e-3)


def encoder_of(width: int = LAYERS * WIDTH) -> Model[Any, Any]:
    """Vectors by the letters of words, through a linear layer."""
    linear = Linear(width, 3)

    def forward(model: Model[Any, Any], docs: Any, is_train: bool) -> Any:
        rows = [[[ord(t.text[0]) - 96, len(t.text), 1] for t in doc] for doc in docs]
        lengths = [len(each) for each in rows]
        flat = np.asarray([row for each in rows for row in each], "f").reshape(-1, 3)
        Y, backprop = linear(flat / 10, is_train)

        def back(dYs: Any) -> Any:
            model.attrs["gradients"].append(np.concatenate(dYs))
            backprop(np.concatenate(dYs))
            return docs

        return np.split(Y, np.cumsum(lengths)[:-1]), back

    dims = {"nO": width}
    return Model("letters", forward, layers=[linear], dims=dims, attrs={"gradients": []})


def built(docs: Any, tasks: Any) -> Any:
    encoder = encoder_of()
    encoder.layers[0].initialize()
    model = LayerMix(encoder, LAYERS, tasks)
    heads = {name: TokenHead() for name in ("low", "high", "other", "more")}
    topologies.attach(model, heads)
    for head in heads.values():
        set_outputs(head, 2)
    model.initialize(X=docs)
    return model


@pytest.fixture
def docs(make_doc: Any) -> Any:
    return [make_doc("a bc d"), make_doc("e f")]


def test_named_tasks_have_a_mix_of_their_own_and_others_share_one(docs: Any) -> None:
    model = built(docs, ["low", "high"])
    model.get_ref("mix:low").set_param("weights", np.asarray([9, 0, 0], "f"))
    found = topologies.represent(model, docs, ["low", "high", "other", "more"], False)
    assert found.packed["other"] is found.packed["more"]
    assert len(set(found.sites.values())) == 3
    np.testing.assert_allclose(found.packed["high"].X, found.packed["other"].X)
    assert abs(found.packed["low"].X - found.packed["high"].X).max() > 0.01
    assert found.packed["low"].X.shape == (5, WIDTH)


def test_encoder_goes_back_once_with_the_sum_of_all_tasks(docs: Any) -> None:
    model = built(docs, ["low"])
    found = topologies.represent(model, docs, ["low", "other"], True)
    gradient = np.ones((5, WIDTH), "f")
    found.backprop({"low": gradient, "other": 2 * gradient})
    calls = model.get_ref("tok2vec").attrs["gradients"]
    assert len(calls) == 1
    np.testing.assert_allclose(calls[0], np.full((5, LAYERS * WIDTH), 3 / LAYERS), rtol=1e-5)
    assert model.get_ref("mix:low").has_grad("weights")


def test_mix_of_tasks_that_do_not_learn_stays(docs: Any) -> None:
    model = built(docs, ["low"])
    found = topologies.represent(model, docs, ["low", "other"], True)
    found.backprop({"other": np.ones((5, WIDTH), "f")})
    assert not model.get_ref("mix:low").has_grad("weights")
    assert model.get_ref("mix:").has_grad("weights")


def test_no_gradients_go_back_too(docs: Any) -> None:
    model = built(docs, ["low"])
    topologies.represent(model, docs, ["low"], True).backprop({})
    [call] = model.get_ref("tok2vec").attrs["gradients"]
    assert call.shape == (5, LAYERS * WIDTH) and not call.any()


def test_frozen_encoder_gets_no_gradient(docs: Any) -> None:
    model = built(docs, ["low"])
    found = topologies.represent(model, docs, ["low"], True)
    found.backprop({"low": np.ones((5, WIDTH), "f")}, frozen={"tok2vec"})
    assert not model.get_ref("tok2vec").attrs["gradients"]


def test_one_layer_is_refused() -> None:
    with pytest.raises(MTLError, match="at least 2 to mix, got 1"):
        LayerMix(encoder_of(), 1)


def test_encoder_of_one_layer_is_told(X: Any) -> None:
    with pytest.raises(MTLError, match="stacked = true"):
        scalar_mix(LAYERS).predict(X[:, :4])
