from typing import Any

import numpy as np
import pytest
from spacy.ml.models.tok2vec import (
    BiLSTMEncoder,
    MaxoutWindowEncoder,
    MultiHashEmbed,
    build_Tok2Vec_model,
)
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model, torch2xp

from spacy_mtl.errors import MTLError
from spacy_mtl.models.freezing import owners, parameter_names, torch_module
from spacy_mtl.models.topologies.base import encoders
from spacy_mtl.models.topologies.soft import SoftSharing
from spacy_mtl.models.topologies.towers import copied, tower_name

WIDTH = 8
DOCS = [Doc(Vocab(), words=["a", "b"]), Doc(Vocab(), words=["c"])]


def embedding() -> Any:
    return MultiHashEmbed(WIDTH, ["NORM"], [50], include_static_vectors=False)


def convolutional() -> Any:
    return build_Tok2Vec_model(embedding(), MaxoutWindowEncoder(WIDTH, 1, 2, 2))


def recurrent() -> Any:
    pytest.importorskip("torch", reason="torch is not installed")
    return build_Tok2Vec_model(embedding(), BiLSTMEncoder(WIDTH, 1, 0.0))


@pytest.mark.parametrize("make", [convolutional, recurrent])
def test_copies_have_numbers_of_their_own(make: Any) -> None:
    encoder = make()
    copy = copied(encoder)
    for model in (encoder, copy):
        model.initialize(X=DOCS)
    pairs = list(zip(numbers(encoder), numbers(copy), strict=True))
    assert len(pairs) > 2
    for one, other in pairs:
        assert one.shape == other.shape
        assert one.min() == one.max() or not np.array_equal(one, other)  # but for zeros and ones
    assert any(one.min() < one.max() for one, _ in pairs)
    assert copy.predict(DOCS)[0].shape == (2, WIDTH)


def numbers(model: Model) -> Any:
    for owner in owners(model):
        for name in parameter_names(owner):
            if isinstance(owner, Model):
                yield owner.get_param(name)
            else:
                yield torch2xp(torch_module(owner).get_parameter(name))


def test_copies_of_torch_layers_are_others_for_the_optimizer() -> None:
    encoder = recurrent()
    found = [[s.id for n in m.walk() for s in n.shims] for m in (encoder, copied(encoder))]
    assert found[0] and found[1] and not set(found[0]) & set(found[1])


def test_copies_have_the_same_references() -> None:
    encoder = convolutional()
    encoder.set_ref("deep", encoder.layers[1].layers[0])
    copy = copied(encoder)
    assert copy.get_ref("deep") is copy.layers[1].layers[0]
    assert copy.get_ref("embed").name == encoder.get_ref("embed").name
    assert not {node.id for node in copy.walk()} & {node.id for node in encoder.walk()}


def test_each_task_has_a_tower() -> None:
    model = SoftSharing(convolutional())
    model.attrs["grow"](model, dict.fromkeys(["ner", "tagger"]))
    assert list(encoders(model)) == [tower_name("ner"), tower_name("tagger")]
    assert model.get_ref("tok2vec") is model.get_ref("tok2vec_ner")
    assert model.layers == list(encoders(model).values())


def test_a_listener_has_no_copies() -> None:
    with pytest.raises(MTLError, match="Expected an encoder to make copies of .* got a listener"):
        SoftSharing(Tok2VecListener("tok2vec", WIDTH))
