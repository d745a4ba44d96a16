"""Paths of parameters, and how deep they lie in the encoder."""

import gc
from typing import Any

import pytest
import spacy
from pipeline.helpers import ENCODER, make_examples, make_nlp, multitask, trained
from spacy.language import Language
from thinc.api import Model, Relu, chain, with_array

from spacy_mtl.optimizing.parameters import (
    below,
    listed,
    matches,
    multitasks,
    named_parameters,
    parameters_beside,
    setting_for,
    unmatched,
    upstream,
)
from spacy_mtl.pipeline import live

TASKS = ["tagger", "ner", "sentiment"]
EMBEDDINGS = [
    *(f"embed.hashembed.{i}.E" for i in range(4)),
    "embed.maxout.W",
    "embed.maxout.b",
    "embed.layernorm.G",
    "embed.layernorm.b",
]
BLOCK = ["maxout.W", "maxout.b", "layernorm.G", "layernorm.b"]
HEADS = [
    *(f"ner.{name}" for name in [*BLOCK, "output.W", "output.b"]),
    *(f"sentiment.{name}" for name in ["output.W", "output.b", "sparse.W"]),
    *(f"tagger.{name}" for name in ["output.W", "output.b"]),
]


def deep(model: dict[str, Any] = ENCODER, **settings: Any) -> Language:
    """A pipeline whose encoder has other settings."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": {**model, **settings}})
    tasks = {"tagger": {"@mtl_tasks": "spacy_mtl.Tagger.v1"}}
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16, "upstream": "tok2vec"}
    sharing = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": listener}
    nlp.add_pipe("multitask", config={"model": sharing, "tasks": tasks})
    nlp.initialize(lambda: make_examples(nlp, ["tagger"]))
    return nlp


def depths(nlp: Language) -> dict[str, int | None]:
    return {parameter.name: parameter.above for parameter in named_parameters(nlp)}


def test_names_and_depths_of_the_usual_pipeline():
    nlp = trained(make_nlp(TASKS), 0)
    expected: dict[str, int | None] = {f"tok2vec.{name}": 1 for name in EMBEDDINGS}
    expected.update({f"tok2vec.encode.0.{name}": 0 for name in BLOCK})
    expected.update({f"multitask.{name}": None for name in HEADS})
    assert depths(nlp) == expected
    assert list(depths(nlp)) == list(expected)


def test_an_encoder_of_its_own():
    nlp = trained(make_nlp(TASKS, inline=True), 0)
    found = depths(nlp)
    assert found["multitask.tok2vec.embed.maxout.W"] == 1
    assert found["multitask.tok2vec.encode.0.maxout.W"] == 0
    assert found["multitask.ner.maxout.W"] is None


def test_names_do_not_depend_on_the_process():
    assert list(depths(make_nlp(TASKS))) == list(depths(make_nlp(TASKS)))


def test_keys_are_those_that_optimizers_get():
    nlp = trained(make_nlp(TASKS), 0)
    called = []

    def optimizer(key: Any, weights: Any, gradient: Any) -> Any:
        called.append(key)
        return weights, gradient

    no_sgd: Any = False
    nlp.update(make_examples(nlp), sgd=no_sgd)
    for _, component in nlp.pipeline:
        component.finish_update(optimizer)
    assert set(called) == {parameter.key for parameter in named_parameters(nlp)}


def test_blocks_are_counted_from_the_top():
    found = depths(deep(depth=3))
    assert [found[f"tok2vec.encode.{i}.maxout.W"] for i in range(3)] == [2, 1, 0]
    assert found["tok2vec.embed.hashembed.0.E"] == 3


def test_mish_and_a_character_embedding():
    embed = {"@architectures": "spacy.CharacterEmbed.v2", "width": 16, "rows": 50, "nM": 4}
    embed.update({"nC": 4, "include_static_vectors": False, "feature": "LOWER"})
    encode = {"@architectures": "spacy.MishWindowEncoder.v2", "width": 16, "window_size": 1}
    model = {"@architectures": "spacy.Tok2Vec.v2", "embed": embed, "encode": {**encode, "depth": 2}}
    found = depths(deep(model))
    assert found["tok2vec.embed.charembed.E"] == found["tok2vec.embed.hashembed.E"] == 2
    assert found["tok2vec.encode.0.mish.W"] == 1
    assert found["tok2vec.encode.1.layernorm.b"] == 0


def test_a_recurrent_encoder():
    pytest.importorskip("torch", reason="torch is not installed")
    embed = {"@architectures": "spacy.MultiHashEmbed.v2", "width": 16, "rows": [50]}
    embed.update({"attrs": ["NORM"], "include_static_vectors": False})
    encode = {"@architectures": "spacy.TorchBiLSTMEncoder.v1", "width": 16, "dropout": 0.0}
    model = {"@architectures": "spacy.Tok2Vec.v2", "embed": embed, "encode": {**encode, "depth": 2}}
    found = depths(deep(model))
    assert found["tok2vec.embed.hashembed.E"] == 2
    assert found["tok2vec.encode.weight_ih_l0_reverse"] == 1
    assert found["tok2vec.encode.weight_ih_l1"] == 0


@spacy.registry.architectures("spacy_mtl_test.Flat.v1")
def make_flat(width: int) -> Model:
    """An encoder without blocks."""
    return with_array(chain(Relu(width, width), Relu(width, width)))


def test_an_encoder_without_blocks():
    embed = {"@architectures": "spacy.MultiHashEmbed.v2", "width": 16, "rows": [50]}
    embed.update({"attrs": ["NORM"], "include_static_vectors": False})
    encode = {"@architectures": "spacy_mtl_test.Flat.v1", "width": 16}
    found = depths(deep({"@architectures": "spacy.Tok2Vec.v2", "embed": embed, "encode": encode}))
    assert found["tok2vec.embed.hashembed.E"] == found["tok2vec.embed.maxout.W"] == 1
    assert found["tok2vec.encode.relu.0.W"] == found["tok2vec.encode.relu.1.W"] == 0


def test_encoders_of_stock_components():
    nlp = deep()
    nlp.remove_pipe("multitask")
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16, "upstream": "tok2vec"}
    model = {"@architectures": "spacy.Tagger.v2", "tok2vec": listener}
    nlp.add_pipe("tagger", config={"model": model})
    nlp.initialize(lambda: make_examples(nlp, ["tagger"]))
    found = depths(nlp)
    assert list(upstream(nlp)) == ["tok2vec"] and not multitasks(nlp)
    assert found["tok2vec.encode.0.maxout.W"] == 0
    assert [name for name, above in found.items() if above is None] == [
        "tagger.output_layer.W",
        "tagger.output_layer.b",
    ]


def test_parameters_of_a_model():
    nlp = trained(make_nlp(TASKS), 0)
    head = multitask(nlp).model.get_ref("head:ner")
    names = [parameter.name for parameter in below(head, named_parameters(nlp))]
    assert names == [f"multitask.{name}" for name in HEADS if name.startswith("ner.")]


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("tok2vec.*", "tok2vec.embed.maxout.W", True),
        ("tok2vec", "tok2vec.embed.maxout.W", True),
        ("tok2vec.embed", "tok2vec.embed.maxout.W", True),
        ("tok2vec.emb", "tok2vec.embed.maxout.W", False),
        ("*.W", "tok2vec.embed.maxout.W", True),
        ("*.encode.[01]", "tok2vec.encode.1.maxout.W", True),
        ("*.encode.[01]", "tok2vec.encode.2.maxout.W", False),
        ('"tok2vec.*"', "tok2vec.embed.maxout.W", True),
        ("TOK2VEC", "tok2vec.embed.maxout.W", False),
    ],
)
def test_patterns(pattern, name, fits):
    assert matches(pattern, name) is fits


def test_the_last_pattern_counts():
    settings = {"tok2vec": 1, "*.W": 2, "tok2vec.embed": 3}
    assert setting_for("tok2vec.encode.0.maxout.b", settings) == 1
    assert setting_for("tok2vec.encode.0.maxout.W", settings) == 2
    assert setting_for("tok2vec.embed.maxout.W", settings) == 3
    assert setting_for("multitask.ner.output.b", settings) is None


def test_patterns_that_fit_nothing():
    parameters = named_parameters(trained(make_nlp(TASKS), 0))
    assert unmatched(["tok2vec", "trf.*", "*.W"], parameters) == ["trf.*"]
    assert listed([]) == "none"
    assert listed(parameters).startswith("tok2vec.embed.hashembed.0, tok2vec.embed.hashembed.1,")


def test_pipelines_are_found_by_what_an_optimizer_says():
    nlp, other = trained(make_nlp(TASKS), 0), trained(make_nlp(TASKS), 0)
    for pipeline in (nlp, other):
        key = named_parameters(pipeline)[-1].key
        names = [(p.name, p.key) for p in parameters_beside(key)]
        assert names == [(p.name, p.key) for p in named_parameters(pipeline)]
    assert parameters_beside((-1, "W")) == []


def test_a_pipeline_of_sourced_components_is_found(tmp_path):
    trained(make_nlp(TASKS), 0).to_disk(tmp_path / "model")
    nlp = spacy.blank("en")
    for name in ("tok2vec", "multitask"):
        nlp.add_pipe(name, source=spacy.load(tmp_path / "model"))
    gc.collect()
    assert nlp not in live._PIPELINES
    key = named_parameters(nlp)[0].key
    assert [p.name for p in parameters_beside(key)] == list(depths(nlp))


def test_a_label_that_was_added_is_found():
    nlp = trained(make_nlp(TASKS), 0)
    before = named_parameters(nlp)
    multitask(nlp).add_label("ner:NEW")
    after = named_parameters(nlp)
    assert [p.name for p in before] == [p.name for p in after]
    changed = [p.name for p, q in zip(before, after, strict=True) if p.key != q.key]
    assert changed == ["multitask.ner.output.W", "multitask.ner.output.b"]
