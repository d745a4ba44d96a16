"""What reaches the encoder: with stock spaCy nothing at times, here always the tasks' sum."""

from typing import Any

import numpy
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.training import Example

from spacy_mtl.models.packed import Packed

from .helpers import (
    ENCODER,
    LAYERS,
    LISTENER,
    SENTENCES,
    head_bytes,
    make_examples,
    make_nlp,
    multitask,
    randomize_heads,
    step,
    trained,
)

NO_SGD: Any = False


def stock_pipeline() -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": ENCODER})
    tagger = {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}
    nlp.add_pipe("tagger", config={"model": tagger})
    linear = {
        "@architectures": "spacy.TextCatBOW.v3",
        "exclusive_classes": True,
        "length": 64,
        "ngram_size": 1,
        "no_output_layer": False,
    }
    ensemble = {
        "@architectures": "spacy.TextCatEnsemble.v2",
        "linear_model": linear,
        "tok2vec": LISTENER,
    }
    nlp.add_pipe("textcat", config={"model": ensemble})
    parser = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 16,
        "maxout_pieces": 2,
        "use_upper": True,
        "tok2vec": LISTENER,
    }
    nlp.add_pipe("ner", config={"model": parser})
    return nlp


def encoder_gradient(nlp: Language, examples: list[Example]) -> float:
    """The largest gradient of an encoder parameter after one update of the whole pipeline."""
    nlp.update(examples, sgd=NO_SGD, losses={})
    encoder: Any = nlp.get_pipe("tok2vec")
    return max(
        float(abs(node.get_grad(param)).max()) if node.has_grad(param) else 0.0
        for node in encoder.model.walk()
        for param in node.param_names
    )


@pytest.mark.parametrize("layer", ["tagger", "sentiment"])
def test_stock_spacy_gives_the_encoder_nothing_without_entities(layer):
    nlp = stock_pipeline()
    optimizer = nlp.initialize(lambda: make_examples(nlp, ["tagger", "sentiment", "ner"]))
    for _ in range(3):
        step(nlp, optimizer, make_examples(nlp, ["tagger", "sentiment", "ner"]))
    assert encoder_gradient(nlp, make_examples(nlp, [layer])) == 0.0
    assert encoder_gradient(nlp, make_examples(nlp, [layer, "ner"])) > 0.0


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_alone_reaches_the_encoder(layer):
    nlp = trained(make_nlp(), 3)
    assert encoder_gradient(nlp, make_examples(nlp, [layer])) > 0.0


class Recorder:
    """What arrives at the listener's backprop."""

    def __init__(self, nlp: Language) -> None:
        self.nlp = nlp
        self.calls: list[Any] = []
        self.listener = multitask(nlp).model.get_ref("tok2vec")

    def update(self, examples: list[Example]) -> dict[str, float]:
        """As `nlp.update` does, component by component."""
        losses: dict[str, float] = {}
        encoder: Any = self.nlp.get_pipe("tok2vec")
        encoder.update(examples, losses=losses)
        backprop = self.listener._backprop

        def record(dX: Any) -> Any:
            self.calls.append(self.listener.ops.flatten(dX).copy())
            return backprop(dX)

        self.listener._backprop = record
        multitask(self.nlp).update(examples, sgd=NO_SGD, losses=losses)
        return losses

    def of_head(self, name: str, examples: list[Example]) -> Any:
        """The gradient of one task's summed loss, from its head alone."""
        component = multitask(self.nlp)
        task, ops = component.tasks[name], component.model.ops
        encoder: Any = self.nlp.get_pipe("tok2vec")
        docs = [example.predicted for example in examples]
        vectors = ops.flatten(encoder.model.predict(docs))
        targets = task.targets(examples, ops)
        if not targets.n_units:
            return numpy.zeros_like(vectors)
        lengths = numpy.asarray([len(doc) for doc in docs], dtype="int32")
        packed = Packed(vectors, lengths, docs)
        scores, backprop = component.model.get_ref(f"head:{name}")(packed, True)
        return backprop(task.loss(scores, targets, packed)[1])


@pytest.fixture(scope="module")
def recorded() -> Language:
    nlp = trained(make_nlp(), 0)
    randomize_heads(nlp)
    return nlp


masks = st.lists(st.sets(st.sampled_from(LAYERS)), min_size=len(SENTENCES), max_size=len(SENTENCES))


@settings(derandomize=True, max_examples=25, deadline=None)
@given(layers=masks)
def test_the_encoders_gradient_is_the_sum_of_the_heads(recorded, layers):
    examples = make_examples(recorded, layers)
    recorder = Recorder(recorded)
    recorder.update(examples)
    expected = sum(recorder.of_head(name, examples) for name in LAYERS)
    (dX,) = recorder.calls
    assert abs(expected).max() > 0 or not any(layers)
    numpy.testing.assert_allclose(dX, expected, rtol=1e-4, atol=1e-5)


def test_the_encoder_goes_backward_once_without_labels(recorded):
    recorder = Recorder(recorded)
    losses = recorder.update(make_examples(recorded, []))
    assert len(recorder.calls) == 1
    assert not recorder.calls[0].any()
    assert losses["multitask"] == 0.0


def test_weights_and_units_scale_the_gradient():
    def gradient(**settings: Any) -> Any:
        nlp = trained(make_nlp(["tagger", "sentiment"], **settings), 0)
        randomize_heads(nlp)
        recorder = Recorder(nlp)
        examples = make_examples(nlp)
        recorder.update(examples)
        parts = [recorder.of_head(name, examples) for name in ("tagger", "sentiment")]
        return recorder.calls[0], *parts

    n_tokens, n_docs = sum(len(text.split()) for text, *_ in SENTENCES), len(SENTENCES)
    total, tagger, sentiment = gradient(loss_unit="mean")
    numpy.testing.assert_allclose(
        total, tagger / n_tokens + sentiment / n_docs, rtol=1e-4, atol=1e-6
    )
    total, tagger, sentiment = gradient(loss_unit="sqrt")
    expected = tagger / n_tokens**0.5 + sentiment / n_docs**0.5
    numpy.testing.assert_allclose(total, expected, rtol=1e-4, atol=1e-5)
    balancer = {"@mtl_balancers": "spacy_mtl.FixedWeights.v1", "weights": {"tagger": 0.25}}
    total, tagger, sentiment = gradient(loss_unit="sum", balancer=balancer)
    numpy.testing.assert_allclose(total, 0.25 * tagger + sentiment, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("inline", [False, True])
def test_heads_of_absent_tasks_do_not_move_despite_momentum(inline):
    nlp = trained(make_nlp(inline=inline), 0)
    optimizer = nlp.resume_training()
    optimizer.L2 = 0.1
    for _ in range(4):
        step(nlp, optimizer, make_examples(nlp))
    for present in (["tagger"], ["topic", "things"], []):
        before = head_bytes(nlp)
        step(nlp, optimizer, make_examples(nlp, present))
        after = head_bytes(nlp)
        assert {name for name in LAYERS if after[name] != before[name]} == set(present)


def test_gradients_of_subbatches_accumulate():
    def parameters(sizes: list[int]) -> dict[str, bytes]:
        nlp = trained(make_nlp(["tagger", "ner"]), 2)
        optimizer = nlp.resume_training()
        examples = make_examples(nlp)
        for size in sizes:
            part, examples = examples[:size], examples[size:]
            nlp.update(part, sgd=NO_SGD, losses={})
        for _, component in nlp.pipeline:
            component.finish_update(optimizer)
        heads = multitask(nlp).model
        return {
            name: heads.get_ref(f"head:{name}").get_ref("output").get_param("W")
            for name in ("tagger", "ner")
        }

    whole, parts = parameters([len(SENTENCES)]), parameters([2, 1, len(SENTENCES) - 3])
    for name in whole:
        numpy.testing.assert_allclose(whole[name], parts[name], atol=1e-3)


def test_an_update_with_its_own_optimizer_moves_the_heads():
    nlp = trained(make_nlp(["tagger"]), 0)
    before = head_bytes(nlp)
    nlp.update(make_examples(nlp), sgd=nlp.resume_training())
    assert head_bytes(nlp) != before


def test_dropout_reaches_the_encoder_of_its_own():
    nlp = trained(make_nlp(["tagger"], inline=True), 2)
    losses = []
    for drop in (0.0, 0.5):
        found: dict[str, float] = {}
        nlp.update(make_examples(nlp), drop=drop, sgd=NO_SGD, losses=found)
        losses.append(found["multitask"])
    assert losses[0] != losses[1]


def test_empty_documents_in_a_batch_change_no_gradient():
    nlp = trained(make_nlp(), 0)
    randomize_heads(nlp)
    recorder = Recorder(nlp)
    examples = make_examples(nlp)
    recorder.update(examples)
    empty = Example(nlp.make_doc(""), nlp.make_doc(""))
    recorder.update([empty, *examples, empty])
    numpy.testing.assert_allclose(recorder.calls[0], recorder.calls[1], atol=1e-6)
