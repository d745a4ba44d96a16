"""A component whose topology has two encoders, beside what spaCy does with listeners."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.pipeline.tok2vec import Tok2VecListener
from thinc.api import Model

from pipeline.foreign import LISTENING
from pipeline.helpers import ENCODER, LISTENER, TASKS, annotations, make_examples, multitask, train
from spacy_mtl.errors import MTLError
from spacy_mtl.models.topologies.base import encoders
from spacy_mtl.pipeline.listeners import check_upstream, upstream_encoders

NAMES = ("tagger", "ner")
BOTH: dict[str, Any] = {**LISTENING, "second": LISTENER}  # listen to the same


class Listener(Model[Any, Any]):
    """To an encoder of another kind than spaCy's tok2vec."""

    upstream_name = "*"


def build(model: dict[str, Any], factory: str = "tok2vec") -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe(factory, name="tok2vec", config={"model": ENCODER})
    tasks = {name: TASKS[name] for name in NAMES}
    nlp.add_pipe("multitask", config={"model": model, "tasks": tasks})
    return nlp


def trained(model: dict[str, Any], factory: str = "tok2vec") -> Language:
    nlp = build(model, factory)
    nlp.initialize(lambda: make_examples(nlp, NAMES))
    train(nlp, 10, NAMES)
    return nlp


@pytest.mark.parametrize("model", [LISTENING, BOTH])
def test_it_learns_and_is_saved(model: dict[str, Any], tmp_path: Path) -> None:
    nlp = trained(model)
    before = nlp.get_pipe("tok2vec").model.to_bytes()
    losses = [train(nlp, 1, NAMES)["multitask_ner"], train(nlp, 12, NAMES)["multitask_ner"]]
    assert losses[1] < losses[0]
    assert nlp.get_pipe("tok2vec").model.to_bytes() != before
    nlp.to_disk(tmp_path)
    assert annotations(spacy.load(tmp_path)) == annotations(nlp)


@pytest.mark.parametrize("factory", ["tok2vec", "balanced_tok2vec"])
def test_two_listeners_are_replaced_by_copies(factory: str, tmp_path: Path) -> None:
    """spaCy's own encoder passes over every second listener, so that it takes another call."""
    nlp = trained(BOTH, factory)
    expected = annotations(nlp)
    nlp.replace_listeners("tok2vec", "multitask", ["model.tok2vec", "model.second"])
    if factory == "tok2vec":
        nlp.replace_listeners("tok2vec", "multitask", ["model.second"])
    nlp.remove_pipe("tok2vec")
    assert len({node.id for node in encoders(multitask(nlp).model).values()}) == 2
    assert not any(isinstance(n, Tok2VecListener) for n in multitask(nlp).model.walk())
    assert annotations(nlp) == expected
    nlp.to_disk(tmp_path)
    assert annotations(spacy.load(tmp_path)) == expected


def test_the_only_listener_is_replaced(tmp_path: Path) -> None:
    nlp = trained(LISTENING)
    expected = annotations(nlp)
    nlp.replace_listeners("tok2vec", "multitask", ["model.tok2vec"])
    nlp.remove_pipe("tok2vec")
    assert annotations(nlp) == expected


def test_a_listener_hears_the_encoder_of_its_kind() -> None:
    nlp = build({**LISTENING, "tok2vec": {**LISTENER, "upstream": "*"}})
    listener = Listener("transformer_listener", lambda *args: args)
    transformer: Any = SimpleNamespace(listener_map={}, model=Model("t", lambda *args: args))
    nlp._components.insert(0, ("transformer", transformer))
    model = multitask(nlp).model
    assert list(upstream_encoders(nlp, "multitask", model)) == ["tok2vec"]
    assert list(upstream_encoders(nlp, "multitask", listener)) == ["transformer"]
    check_upstream(nlp, "multitask", model)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    nlp = build(LISTENING)
    nlp.initialize(lambda: make_examples(nlp, NAMES))
    path = tmp_path / "weights.bin"
    path.write_bytes(nlp.get_pipe("tok2vec").model.to_bytes())
    return path


def test_weights_for_the_encoder_that_both_listen_to(weights: Path) -> None:
    nlp = build(BOTH)
    nlp.config["initialize"]["init_tok2vec"] = str(weights)
    nlp.initialize(lambda: make_examples(nlp, NAMES))
    assert nlp.get_pipe("tok2vec").model.to_bytes() == weights.read_bytes()


def test_weights_for_one_of_two_encoders(weights: Path) -> None:
    nlp = build(LISTENING)
    nlp.config["initialize"]["init_tok2vec"] = str(weights)
    with pytest.raises(MTLError, match="under 'multitask', got tok2vec, multitask.second. Say"):
        nlp.initialize(lambda: make_examples(nlp, NAMES))
