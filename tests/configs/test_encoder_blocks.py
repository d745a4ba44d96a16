from typing import Any

import pytest
import spacy
from pipeline.helpers import ENCODER
from spacy import registry
from spacy.util import fix_random_seed
from thinc.api import Config
from training.pipelines import LAYERS, tagger

from spacy_mtl.configs.encoder_blocks import (
    needing_package,
    with_fast_encoders,
    with_stock_encoders,
)

FAST_LAYERS = {
    "@architectures": "spacy.Tok2Vec.v2",
    "embed": {**LAYERS["embed"], "@architectures": "spacy_mtl.HashEmbed.v1"},
    "encode": {
        **LAYERS["encode"],
        "@architectures": "spacy_mtl.WindowEncoder.v1",
        "precision": "fp32",
    },
}
CNN = "spacy.HashEmbedCNN.v2"
OURS = ["spacy_mtl.HashEmbed.v1", "spacy_mtl.WindowEncoder.v1"]


def config(model: dict[str, Any], factory: str = "tok2vec", **settings: Any) -> Config:
    return Config({"components": {"tok2vec": {"factory": factory, "model": model, **settings}}})


def model_of(converted: Config) -> Any:
    return converted["components"]["tok2vec"]["model"]


@pytest.mark.parametrize("subwords", [True, False])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_cnn_becomes_its_two_layers(subwords, version):
    name = f"spacy.HashEmbedCNN.{version}"
    cnn = {**ENCODER, "@architectures": name, "subword_features": subwords, "embed_size": 51}
    converted, (change,) = with_fast_encoders(config(cnn), "bf16")
    assert model_of(converted) == {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {
            "@architectures": "spacy_mtl.HashEmbed.v1",
            "width": 16,
            "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"] if subwords else ["NORM"],
            "rows": [51, 25, 25, 25] if subwords else [51],
            "include_static_vectors": False,
        },
        "encode": {
            "@architectures": "spacy_mtl.WindowEncoder.v1",
            "width": 16,
            "window_size": 1,
            "maxout_pieces": 2,
            "depth": 1,
            "precision": "bf16",
        },
    }
    assert (change.component, change.before, change.after) == ("tok2vec", [name], OURS)


def test_layers_are_replaced_one_by_one_and_back():
    converted, changes = with_fast_encoders(config(LAYERS))
    assert model_of(converted) == FAST_LAYERS
    assert [str(change) for change in changes] == [
        "tok2vec: MultiHashEmbed.v2 + MaxoutWindowEncoder.v2 -> HashEmbed.v1 + WindowEncoder.v1"
    ]
    back, changes = with_stock_encoders(converted)
    assert back == config(LAYERS)
    assert [str(change) for change in changes] == [
        "tok2vec: HashEmbed.v1 + WindowEncoder.v1 -> MultiHashEmbed.v2 + MaxoutWindowEncoder.v2"
    ]


def test_the_given_config_stays():
    given = config(LAYERS)
    with_fast_encoders(given)
    assert given == config(LAYERS)


def test_deep_inside_a_model():
    reduced = {"@architectures": "spacy.TextCatReduce.v1", "tok2vec": ENCODER}
    bag = {"@architectures": "spacy.TextCatBOW.v3"}
    ensemble = {"@architectures": "spacy.TextCatEnsemble.v2", "tok2vec": reduced, "linear": bag}
    converted, _ = with_fast_encoders(config(ensemble, "textcat"))
    inner = model_of(converted)["tok2vec"]["tok2vec"]
    assert [inner[layer]["@architectures"] for layer in ("embed", "encode")] == OURS
    assert model_of(converted)["linear"] == bag


@pytest.mark.parametrize(
    "block",
    [
        {**ENCODER, "@architectures": "spacy.HashEmbedCNN.v1", "pretrained_vectors": True},
        {
            **LAYERS["embed"],
            "@architectures": "spacy.MultiHashEmbed.v1",
            "width": 16,
            "include_static_vectors": True,
        },
        {**LAYERS["encode"], "@architectures": "spacy.MaxoutWindowEncoder.v1"},
        {"@architectures": "spacy.MishWindowEncoder.v2", "width": 16},
    ],
)
def test_other_functions_stay(block):
    converted, changes = with_fast_encoders(config(block))
    assert changes == [] and model_of(converted) == block


def test_first_versions_without_vectors_are_the_same_function():
    first = {"@architectures": "spacy.HashEmbedCNN.v1", "pretrained_vectors": None}
    embed = {**LAYERS["embed"], "@architectures": "spacy.MultiHashEmbed.v1", "width": 16}
    pair = {**LAYERS, "embed": embed}
    nlp = spacy.blank("en")
    docs = [nlp.make_doc("Three short words"), nlp.make_doc("Zürich")]
    for block in ({**ENCODER, **first}, pair):
        converted, _ = with_fast_encoders(config(block))
        fix_random_seed(0)
        before, after = (
            registry.resolve({"model": model})["model"] for model in (block, model_of(converted))
        )
        before.initialize(docs)
        after.initialize(docs)
        after.from_bytes(before.to_bytes())
        for one, other in zip(before.predict(docs), after.predict(docs), strict=True):
            assert one == pytest.approx(other, abs=1e-5)


def test_variables_follow():
    given = config({**ENCODER, "embed_size": "${sizes.rows}"})
    given["sizes"] = {"rows": 200}
    listener = {"width": "${components.tok2vec.model.width}"}
    listener["rows"] = "${components.tok2vec.model:embed_size}"
    given["components"]["tagger"] = {"factory": "tagger", "listener": listener}
    converted, _ = with_fast_encoders(given)
    assert converted["components"]["tagger"]["listener"] == {
        "width": "${components.tok2vec.model.encode.width}",
        "rows": 200,
    }
    assert converted.interpolate()["components"]["tagger"]["listener"]["width"] == 16
    assert model_of(converted)["embed"]["rows"] == [200, 100, 100, 100]


def test_back_drops_what_only_ours_have():
    layers: Any = {**FAST_LAYERS, "embed": {**FAST_LAYERS["embed"], "cache_bits": 8}}
    balancer = {"@mtl_balancers": "spacy_mtl.FixedWeights.v1"}
    given = config(layers, "balanced_tok2vec", balancer=balancer, conflict_every=3)
    assert needing_package(given) == ["tok2vec"]
    back, (change,) = with_stock_encoders(given)
    assert back == config(LAYERS)
    assert needing_package(back) == []
    assert change.before == ["balanced_tok2vec", *OURS]


def test_what_needs_the_package():
    given = config(tagger(ENCODER), "tagger")
    assert needing_package(given) == []
    given["components"]["joint"] = {"factory": "multitask"}
    given["components"]["inner"] = {"factory": "tagger", "model": tagger(FAST_LAYERS)}
    assert needing_package(given) == ["joint", "inner"]
