from typing import Any

import numpy as np
import pytest
from spacy.ml.models import build_hash_embed_cnn_tok2vec
from thinc.api import Linear, Model

from spacy_mtl.models.heads import DocumentHead, TokenHead, set_outputs
from spacy_mtl.models.topologies import base as topologies
from spacy_mtl.models.topologies.hard import HardSharing

WIDTH = 8


def counting(encoder: Model) -> Model:
    """The encoder, with the gradients that it was run backward with in `attrs["calls"]`."""
    return Model("counting", count, layers=[encoder], attrs={"calls": []})


def count(model: Model, docs: Any, is_train: bool) -> Any:
    vectors, backprop = model.layers[0](docs, is_train)

    def counted(gradients: Any) -> Any:
        model.attrs["calls"].append([g.copy() for g in gradients])
        return backprop(gradients)

    return vectors, counted


def build(docs):
    """Two heads on an encoder that ends in a linear layer, initialized with random weights."""
    encoder = build_hash_embed_cnn_tok2vec(
        width=WIDTH,
        depth=1,
        embed_size=50,
        window_size=1,
        maxout_pieces=2,
        subword_features=False,
        pretrained_vectors=None,
    )
    model = HardSharing(counting(encoder))
    tagger, textcat = TokenHead(), DocumentHead(1, 16, "ORTH")
    topologies.attach(model, {"textcat": textcat, "tagger": tagger})
    set_outputs(tagger, 3)
    set_outputs(textcat, 2)
    encoder.initialize(X=docs)
    model.initialize(X=docs)
    rng = np.random.default_rng(0)
    for head in (tagger, textcat):
        node = head.get_ref("output")
        node.set_param("W", rng.normal(size=node.get_param("W").shape).astype("f"))
    return model


@pytest.fixture
def docs(make_doc):
    return [make_doc("a b c"), make_doc(""), make_doc("d"), make_doc("a e")]


def test_heads_stand_in_the_order_of_their_names(docs):
    model = build(docs)
    assert model.layers[1:] == [
        topologies.head_of(model, "tagger"),
        topologies.head_of(model, "textcat"),
    ]
    other = HardSharing(counting(Linear()))
    topologies.attach(other, {name: TokenHead() for name in ("b", "c", "a")})
    assert other.layers[1:] == [topologies.head_of(other, name) for name in "abc"]


def test_tasks_share_one_representation(docs):
    model = build(docs)
    represented = topologies.represent(model, docs, ["tagger", "textcat"], False).packed
    assert represented["tagger"] is represented["textcat"]
    packed = represented["tagger"]
    vectors = model.get_ref("tok2vec").predict(docs)
    np.testing.assert_array_equal(packed.X, np.concatenate(vectors))
    assert packed.lengths.tolist() == [3, 0, 1, 2]
    assert packed.docs == docs


def test_encoder_runs_backward_once_with_the_sum(docs):
    model = build(docs)
    calls = model.get_ref("tok2vec").attrs["calls"]
    backprop = topologies.represent(model, docs, ["tagger", "textcat"], True).backprop
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 6, WIDTH)).astype("f")
    kept = one.copy()
    backprop({"tagger": one, "textcat": other})
    assert len(calls) == 1
    assert [len(g) for g in calls[0]] == [3, 0, 1, 2]
    np.testing.assert_allclose(np.concatenate(calls[0]), one + other, atol=1e-6)
    np.testing.assert_array_equal(one, kept)


def test_encoder_runs_backward_without_gradients_too(docs):
    model = build(docs)
    calls = model.get_ref("tok2vec").attrs["calls"]
    backprop = topologies.represent(model, docs, [], True).backprop
    backprop({})
    assert len(calls) == 1
    assert not np.concatenate(calls[0]).any()


def test_gradient_through_the_whole_model(docs, numeric_gradient):
    model = build(docs)
    scores, backprop = model(docs, True)
    assert {name: s.shape for name, s in scores.items()} == {"tagger": (6, 3), "textcat": (4, 2)}
    rng = np.random.default_rng(2)
    directions = {name: rng.normal(size=s.shape).astype("f") for name, s in scores.items()}
    backprop(directions)

    def loss():
        found = model.predict(docs)
        return sum(float((found[name] * d).sum()) for name, d in directions.items())

    norms = [node for node in model.get_ref("tok2vec").walk() if node.name == "layernorm"]
    assert norms
    for node in norms:
        numeric = numeric_gradient(loss, node.get_param("b"), eps=1e-3)
        np.testing.assert_allclose(node.get_grad("b"), numeric, atol=3e-2, rtol=3e-2)


def test_bytes_round_trip_with_heads(docs):
    model, other = build(docs), build(docs)
    for name in ("tagger", "textcat"):
        node = topologies.head_of(other, name).get_ref("output")
        node.set_param("W", node.get_param("W") * 0)
    other.from_bytes(model.to_bytes())
    for name, scores in model.predict(docs).items():
        np.testing.assert_array_equal(other.predict(docs)[name], scores)
