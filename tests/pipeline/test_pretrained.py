"""Weights of `spacy pretrain`, where the config has no [pretraining]."""

from typing import Any

import numpy as np
import pytest
from spacy.language import Language
from thinc.api import Model

from spacy_mtl.errors import MTLError
from spacy_mtl.pipeline import pretrained

from .helpers import ENCODER, make_examples, make_nlp


def parameters(model: Model) -> list[Any]:
    return [node.get_param(name) for node in model.walk() for name in node.param_names]


def initialized(nlp: Language, path: object) -> Language:
    nlp.config["initialize"]["init_tok2vec"] = str(path)
    nlp.initialize(lambda: make_examples(nlp))
    return nlp


@pytest.fixture
def weights(tmp_path):
    """A file of an encoder that was trained elsewhere."""
    nlp = make_nlp(["tagger"])
    nlp.initialize(lambda: make_examples(nlp))
    model = nlp.get_pipe("tok2vec").model
    for values in parameters(model):
        values += 1.0
    path = tmp_path / "model0.bin"
    path.write_bytes(model.to_bytes())
    return path


def test_the_encoder_that_is_listened_to_begins_with_them(weights):
    nlp = initialized(make_nlp(["tagger", "ner"]), weights)
    model = nlp.get_pipe("tok2vec").model
    expected = parameters(model.copy().from_bytes(weights.read_bytes()))
    assert all(np.array_equal(*pair) for pair in zip(parameters(model), expected, strict=True))
    assert all(values.max() >= 1.0 for values in expected)


def test_an_encoder_of_the_component(weights):
    nlp = Language()
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": ENCODER}
    tasks = {"tagger": {"@mtl_tasks": "spacy_mtl.Tagger.v1"}}
    pipe: Any = nlp.add_pipe("multitask", config={"model": model, "tasks": tasks})
    initialized(nlp, weights)
    own = parameters(pipe.model.get_ref("tok2vec"))
    assert all(values.max() >= 1.0 for values in own)


def test_with_pretraining_it_is_left_to_spacy(tmp_path):
    nlp = make_nlp(["tagger"])
    nlp.config["pretraining"] = {"component": "tok2vec"}  # not whole, which spaCy says
    with pytest.raises(ValueError, match=r"max_epochs"):
        initialized(nlp, tmp_path / "none.bin")


def test_files_that_are_none(tmp_path, weights):
    with pytest.raises(MTLError, match="to be able to read .*none.bin, got: No such file"):
        initialized(make_nlp(["tagger"]), tmp_path / "none.bin")
    with pytest.raises(MTLError, match="to be able to read .*, got: "):
        initialized(make_nlp(["tagger"]), tmp_path)
    for content in (b"", b"text", weights.read_bytes()[:-9]):
        (tmp_path / "wrong.bin").write_bytes(content)
        with pytest.raises(MTLError, match="the weights of an encoder like that of 'tok2vec'"):
            initialized(make_nlp(["tagger"]), tmp_path / "wrong.bin")


def test_weights_of_another_encoder(weights):
    nlp = make_nlp(["tagger"])
    nlp.remove_pipe("tok2vec")
    nlp.add_pipe("tok2vec", config={"model": {**ENCODER, "embed_size": 50}}, first=True)
    with pytest.raises(MTLError, match="for the same settings, got in .*model0.bin something"):
        initialized(nlp, weights)


def test_an_encoder_of_another_kind(weights, monkeypatch):
    monkeypatch.setattr(pretrained, "Tok2Vec", str)  # as if the one in the pipeline were none
    with pytest.raises(MTLError, match="of the kind 'tok2vec', got 'tok2vec', which has pretr"):
        initialized(make_nlp(["tagger"]), weights)
