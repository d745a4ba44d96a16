from typing import Any

import numpy as np
import pytest
from pipeline.helpers import WIDTH, make_examples, multitask, trained
from pipeline.test_topologies import TOPOLOGIES, make

from spacy_mtl.errors import MTLError
from spacy_mtl.models.topologies.base import represent
from spacy_mtl.models.topologies.cross_stitch import OWN, stitch


def test_towers_keep_most_of_their_own_at_first() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.normal(size=(3, 4)).astype("f") for _ in range(2))
    found = stitch(2, 1).predict([one, other])
    np.testing.assert_allclose(found[0], OWN * one + (1 - OWN) * other, rtol=1e-5)
    np.testing.assert_allclose(found[1], OWN * other + (1 - OWN) * one, rtol=1e-5)


def test_a_tower_alone_is_left_as_it_is() -> None:
    X = np.ones((3, 4), "f")
    np.testing.assert_array_equal(stitch(1, 1).predict([X])[0], X)


def test_subspaces_are_mixed_one_by_one() -> None:
    one, other = (np.full((2, 4), value, "f") for value in (1.0, 10.0))
    mix = stitch(2, 2)
    shares = np.zeros((4, 4), "f")
    shares[0, 3] = 1  # the first half of the first tower is the second half of the other one
    shares[1, 1] = shares[2, 2] = shares[3, 3] = 1
    mix.set_param("shares", shares)
    found = mix.predict([one, other])
    np.testing.assert_array_equal(found[0], [[10, 10, 1, 1]] * 2)
    np.testing.assert_array_equal(found[1], other)


def test_gradients_of_the_mix() -> None:
    """Against PyTorch, in double precision."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rng = np.random.default_rng(1)
    Xs = [rng.normal(size=(5, 6)).astype("f") for _ in range(3)]
    dYs = [rng.normal(size=(5, 6)).astype("f") for _ in range(3)]
    mix = stitch(3, 2)
    _, backprop = mix(Xs, True)
    dXs = backprop(dYs)
    tensors = [torch.tensor(X, dtype=torch.float64, requires_grad=True) for X in Xs]
    shares: Any = torch.tensor(mix.get_param("shares"), dtype=torch.float64, requires_grad=True)
    halves = [half for X in tensors for half in X.split(3, dim=1)]
    mixed = [sum(s * half for s, half in zip(row, halves, strict=True)) for row in shares]
    flat = torch.cat([torch.cat(mixed[i : i + 2], dim=1) for i in (0, 2, 4)])
    flat.backward(torch.tensor(np.concatenate(dYs), dtype=torch.float64))
    for dX, tensor in zip(dXs, tensors, strict=True):
        np.testing.assert_allclose(dX, tensor.grad.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(mix.get_grad("shares"), shares.grad.numpy(), rtol=1e-4, atol=1e-4)


def test_without_mixing_a_tower_is_layers_on_the_encoder() -> None:
    nlp = trained(make("sluice"), 2)
    model = multitask(nlp).model
    docs = [example.predicted for example in make_examples(nlp)]
    for level in (0, 1):
        shares: Any = model.get_ref(f"stitch_{level}").get_param("shares")
        shares[...] = np.eye(len(shares))
    model.get_ref("mix_ner").set_param("weights", np.asarray([-100, 0], "f"))
    model.get_ref("mix_ner").set_param("gain", np.asarray([1], "f"))
    X = model.get_ref("tok2vec").predict(docs)
    for level in (0, 1):
        X = model.get_ref(f"tower_ner_{level}").predict(X)
    found = represent(model, docs, ["ner"], False).packed["ner"].X
    np.testing.assert_allclose(found, np.concatenate(X), rtol=1e-4, atol=1e-5)


def test_training_begins_anew() -> None:
    nlp = trained(make("sluice"), 6)
    model = multitask(nlp).model
    nlp.initialize(lambda: make_examples(nlp))
    shares: Any = model.get_ref("stitch_0").get_param("shares")
    assert shares[0, 0] == np.float32(OWN)
    assert not model.get_ref("mix_ner").get_param("weights").any()


@pytest.mark.parametrize("setting", ["depth", "subspaces"])
def test_less_than_one(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOPOLOGIES, "none", {**TOPOLOGIES["sluice"], setting: 0})
    with pytest.raises(MTLError, match=f"Expected `{setting}` of at least 1, got 0"):
        make("none")


def test_subspaces_that_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOPOLOGIES, "odd", {**TOPOLOGIES["sluice"], "subspaces": 3})
    nlp = make("odd")
    with pytest.raises(MTLError, match=f"divide the vectors' width, {WIDTH}, got 3"):
        nlp.initialize(lambda: make_examples(nlp))


def test_layers_of_another_width(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = {"@architectures": "spacy.MaxoutWindowEncoder.v2", "width": 2 * WIDTH}
    wide |= {"window_size": 1, "maxout_pieces": 2, "depth": 1}
    monkeypatch.setitem(TOPOLOGIES, "wide", {**TOPOLOGIES["sluice"], "encode": wide})
    nlp = make("wide")
    with pytest.raises(MTLError, match="`encode` of spacy_mtl.CrossStitch.v1"):
        nlp.initialize(lambda: make_examples(nlp))
