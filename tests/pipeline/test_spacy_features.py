"""What users of spaCy expect of any component."""

from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import load_model_from_config

from .helpers import (
    ENCODER,
    LAYERS,
    TEXTS,
    annotation,
    annotations,
    head_bytes,
    make_examples,
    make_nlp,
    multitask,
    step,
    train,
    trained,
)


@pytest.fixture(scope="module")
def learned() -> Language:
    return trained(make_nlp(), 15)


def encoder_bytes(nlp: Language) -> bytes:
    encoder: Any = nlp.get_pipe("tok2vec")
    data: bytes = encoder.model.to_bytes()
    return data


def test_an_encoder_of_its_own():
    nlp = trained(make_nlp(inline=True), 30)
    assert nlp.pipe_names == ["multitask"]
    assert annotations(nlp)[0]["ents"] == [(0, 1, "PER"), (3, 4, "LOC")]
    again = make_nlp(inline=True).from_bytes(nlp.to_bytes())
    assert annotations(again) == annotations(nlp)


def test_the_encoder_of_its_own_learns():
    nlp = trained(make_nlp(["ner"], inline=True), 3)
    before = multitask(nlp).model.get_ref("tok2vec").to_bytes()
    train(nlp, 1)
    assert multitask(nlp).model.get_ref("tok2vec").to_bytes() != before


def test_replaced_listeners_predict_the_same(learned, tmp_path):
    nlp = make_nlp().from_bytes(learned.to_bytes())
    nlp.replace_listeners("tok2vec", "multitask", ["model.tok2vec"])
    assert annotations(nlp) == annotations(learned)
    encoder = encoder_bytes(nlp)
    own = multitask(nlp).model.get_ref("tok2vec").to_bytes()
    train(nlp, 2)
    assert encoder_bytes(nlp) == encoder
    assert multitask(nlp).model.get_ref("tok2vec").to_bytes() != own
    nlp.remove_pipe("tok2vec")
    nlp.to_disk(tmp_path / "model")
    assert annotations(spacy.load(tmp_path / "model")) == annotations(nlp)


def test_sourcing_into_another_pipeline(learned):
    source = make_nlp().from_bytes(learned.to_bytes())
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", source=source)
    nlp.add_pipe("multitask", source=source)
    assert annotations(nlp) == annotations(learned)
    assert train(nlp, 3)["multitask_ner"] > 0


def test_sourcing_under_another_name(learned):
    source = make_nlp().from_bytes(learned.to_bytes())
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", source=source)
    nlp.add_pipe("multitask", name="second", source=source)
    losses: dict[str, float] = {}
    nlp.update(make_examples(nlp), losses=losses)
    assert {"second", "second_ner"} <= set(losses) and "multitask" not in losses


def test_sourcing_by_config(learned, tmp_path):
    learned.to_disk(tmp_path / "model")
    config: Any = spacy.blank("en").config.copy()
    config["nlp"]["pipeline"] = ["tok2vec", "multitask"]
    source = str(tmp_path / "model")
    config["components"] = {
        "tok2vec": {"source": source},
        "multitask": {"source": source, "replace_listeners": ["model.tok2vec"]},
    }
    nlp = load_model_from_config(config, auto_fill=True)
    assert annotations(nlp) == annotations(learned)


def test_selected_pipes(learned):
    with learned.select_pipes(disable=["multitask"]):
        assert annotation(learned(TEXTS[0]))["cats"] == {}
        step(learned, learned.resume_training(), [])
    with learned.select_pipes(enable=["tok2vec", "multitask"]):
        assert annotation(learned(TEXTS[0]))["cats"]


def test_disabled_from_loading(learned, tmp_path):
    learned.to_disk(tmp_path / "model")
    nlp = spacy.load(tmp_path / "model", disable=["multitask"])
    assert not nlp(TEXTS[0]).cats
    nlp.enable_pipe("multitask")
    assert annotations(nlp) == annotations(learned)


class Reader:
    """A component that keeps what it finds on the documents of an update."""

    is_trainable = True
    model = None
    seen: list[Any] = []

    def __init__(self) -> None:
        self.seen = []

    def __call__(self, doc: Doc) -> Doc:
        return doc

    def update(self, examples: Any, **kwargs: Any) -> Any:
        self.seen = [annotation(example.predicted) for example in examples]
        return kwargs.get("losses")


@Language.factory("spacy_mtl_test_reader")
def make_reader(nlp: Language, name: str) -> Reader:
    return Reader()


def test_later_components_see_the_annotation_if_it_is_asked_for(learned):
    nlp = make_nlp().from_bytes(learned.to_bytes())
    reader: Any = nlp.add_pipe("spacy_mtl_test_reader")
    examples = make_examples(nlp)
    nlp.update(examples)
    assert not any(doc["cats"] for doc in reader.seen)
    nlp.update(examples, annotates=["tok2vec", "multitask"])
    assert all(len(doc["cats"]) == 5 and all(doc["tag"]) for doc in reader.seen)
    assert not any(example.predicted.cats for example in examples)


def test_a_frozen_encoder_that_annotates(learned):
    nlp = make_nlp().from_bytes(learned.to_bytes())
    optimizer = nlp.resume_training()
    encoder, heads = encoder_bytes(nlp), head_bytes(nlp)
    no_sgd: Any = False
    for _ in range(2):
        nlp.update(make_examples(nlp), sgd=no_sgd, exclude=["tok2vec"], annotates=["tok2vec"])
        multitask(nlp).finish_update(optimizer)
    assert encoder_bytes(nlp) == encoder
    assert all(head_bytes(nlp)[name] != heads[name] for name in LAYERS)


def test_the_error_handler_gets_failing_batches(learned):
    failed: list[str] = []

    def remember(name: str, component: Any, docs: list[Doc], error: Exception) -> None:
        failed.extend(doc.text for doc in docs)

    component = multitask(learned)
    component.set_error_handler(remember)
    original = component.tasks["ner"].decode
    try:
        component.tasks["ner"].decode = fail_on_bob(original)  # type: ignore[method-assign]
        docs = [doc.text for doc in learned.pipe(TEXTS, batch_size=1)]
    finally:
        component.tasks["ner"].decode = original  # type: ignore[method-assign]
    assert failed == [text for text in TEXTS if "Bob" in text]
    assert docs == [text for text in TEXTS if "Bob" not in text]


def fail_on_bob(decode: Any) -> Any:
    def decode_or_fail(scores: Any, packed: Any, ops: Any) -> Any:
        if any("Bob" in doc.text for doc in packed.docs):
            raise RuntimeError("Bob")
        return decode(scores, packed, ops)

    return decode_or_fail


def test_as_tuples_and_existing_docs(learned):
    pairs = list(learned.pipe([(TEXTS[0], 1), (TEXTS[1], 2)], as_tuples=True))
    assert [context for _, context in pairs] == [1, 2]
    doc = learned.make_doc(TEXTS[0])
    assert annotation(learned(doc)) == annotations(learned)[0]


def test_weights_of_averages_can_be_used(learned):
    nlp = make_nlp().from_bytes(learned.to_bytes())
    optimizer = nlp.resume_training()
    optimizer.averages = {}
    for _ in range(3):
        step(nlp, optimizer, make_examples(nlp, ["ner"]))
    before = head_bytes(nlp)
    with nlp.use_params(optimizer.averages):
        assert head_bytes(nlp)["ner"] != before["ner"]
        assert head_bytes(nlp)["topic"] == before["topic"]
    assert head_bytes(nlp) == before


def test_two_components_on_one_encoder():
    nlp = make_nlp(["tagger"])
    model = nlp.get_pipe_config("multitask")["model"]
    tasks = {"ner": {"@mtl_tasks": "spacy_mtl.NER.v1"}}
    nlp.add_pipe("multitask", name="second", config={"model": model, "tasks": tasks})
    trained(nlp, 25)
    found = annotations(nlp)
    assert found[0]["ents"] == [(0, 1, "PER"), (3, 4, "LOC")]
    assert found[0]["tag"] == ["N", "V", "J", "N", "."]


def test_beside_stock_components():
    nlp = make_nlp(["ner", "topic"])
    encoder = {"@architectures": "spacy.Tok2VecListener.v1", "width": ENCODER["width"]}
    config = {"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": encoder}}
    nlp.add_pipe("tagger", config=config)
    trained(nlp, 25)
    doc = annotations(nlp)[0]
    assert doc["tag"] == ["N", "V", "J", "N", "."] and doc["ents"]


def test_pipe_analysis_knows_what_is_assigned():
    analysis = make_nlp().analyze_pipes()
    assert "doc.ents" in analysis["summary"]["multitask"]["assigns"]
