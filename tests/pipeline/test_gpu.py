"""The same on a GPU as on the CPU."""

from collections.abc import Iterator
from typing import Any

import numpy
import pytest
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import get_current_ops, require_cpu, require_gpu, set_current_ops, to_numpy, use_ops
from thinc.util import gpu_is_available, has_cupy

from spacy_mtl.evaluation.temperature import LabelledScores, labelled_scores

from .helpers import (
    LAYERS,
    TASKS,
    TEXTS,
    annotations,
    make_examples,
    make_nlp,
    multitask,
    randomize_heads,
    train,
    trained,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not has_cupy, reason="cupy is not installed"),
    pytest.mark.skipif(not gpu_is_available(), reason="there is no CUDA device"),
]
# Both kinds of training for spans, both heads with and without a layer of their own.
GPU_TASKS: dict[str, dict[str, Any]] = {
    **TASKS,
    "tagger": {**TASKS["tagger"], "hidden_width": 8},
    "phrases": {**TASKS["phrases"], "hidden_width": 8},
    "sentiment": {**TASKS["sentiment"], "ngram_size": 3},
}


@pytest.fixture
def gpu() -> Iterator[None]:
    before = get_current_ops()
    require_gpu(0)
    yield
    set_current_ops(before)


def on_cpu(data: bytes) -> Language:
    with use_ops("numpy"):
        require_cpu()
        return make_nlp(GPU_TASKS).from_bytes(data)


def same(ours: Any, theirs: Any, message: str = "") -> None:
    numpy.testing.assert_allclose(
        to_numpy(ours), to_numpy(theirs), atol=1e-4, rtol=1e-4, err_msg=message
    )


def gradients(nlp: Language, layers: Any) -> tuple[dict[str, float], dict[str, Any]]:
    """The losses of one update, and every parameter's gradient by the place of its node."""
    losses: dict[str, float] = {}
    no_sgd: Any = False
    nlp.update(make_examples(nlp, layers), sgd=no_sgd, losses=losses)
    found: dict[str, Any] = {}
    for pipe, component in nlp.pipeline:
        for i, node in enumerate(component.model.walk()):
            for param in node.param_names:
                if node.has_grad(param):
                    found[f"{pipe} {i} {node.name} {param}"] = to_numpy(node.get_grad(param)).copy()
    return losses, found


def test_all_tasks_learn_on_the_gpu(gpu):
    nlp = trained(make_nlp(GPU_TASKS), 0)
    first, last = train(nlp, 1), train(nlp, 30)
    for name in LAYERS:
        assert last[f"multitask_{name}"] < 0.5 * first[f"multitask_{name}"]
    assert multitask(nlp).model.ops.name == "cupy"
    scores = nlp.evaluate(make_examples(nlp))
    assert scores["ner_f"] == scores["things_f"] == scores["tagger_acc"] == 1.0


def test_predictions_and_scores_agree(gpu):
    nlp = trained(make_nlp(GPU_TASKS), 15)
    texts = [*TEXTS, "", " ", "Ana visits the old train in New York ."]
    ours, scores = annotations(nlp, texts), nlp.evaluate(make_examples(nlp))
    other = on_cpu(nlp.to_bytes())
    for mine, theirs in zip(ours, annotations(other, texts), strict=True):
        assert mine.pop("cats") == pytest.approx(theirs.pop("cats"), abs=2e-4)
        assert mine == theirs
    theirs = other.evaluate(make_examples(other))
    for key, value in scores.items():
        if isinstance(value, float) and key != "speed":
            assert value == pytest.approx(theirs[key], abs=1e-4), key


def test_probabilities_of_every_task_agree(gpu):
    nlp = trained(make_nlp(GPU_TASKS), 5)
    docs = list(nlp.pipe(TEXTS))
    ours = multitask(nlp).predict(docs)
    other = on_cpu(nlp.to_bytes())
    with use_ops("numpy"):
        theirs = multitask(other).predict(list(other.pipe(TEXTS)))
        for name in LAYERS:
            same(ours[name].probabilities, theirs[name].probabilities, name)
            same(ours[name].labels, theirs[name].labels, name)


@pytest.mark.parametrize("layers", [LAYERS, *([name] for name in LAYERS), ["ner", "topic"], []])
def test_losses_and_gradients_agree(gpu, layers):
    nlp = trained(make_nlp(GPU_TASKS), 0)
    randomize_heads(nlp)
    data = nlp.to_bytes()
    losses, ours = gradients(nlp, layers)
    other = on_cpu(data)
    with use_ops("numpy"):
        their_losses, theirs = gradients(other, layers)
    assert losses == pytest.approx(their_losses, abs=1e-3, rel=1e-4)
    assert ours.keys() == theirs.keys()
    for key in ours:
        same(ours[key], theirs[key], key)


def test_partly_annotated_entities_and_empty_documents(gpu):
    nlp = trained(make_nlp(GPU_TASKS), 3)
    examples = make_examples(nlp)
    examples[0].reference.set_ents([], missing=[examples[0].reference[0:3]], default="outside")
    empty = Example(nlp.make_doc(""), nlp.make_doc(""))
    losses: dict[str, float] = {}
    nlp.update([empty, *examples, empty], sgd=nlp.resume_training(), losses=losses)
    nlp.update([empty], losses=losses)
    assert all(numpy.isfinite(value) and value >= 0.0 for value in losses.values())


def test_entities_on_the_document_are_kept(gpu):
    nlp = trained(make_nlp(GPU_TASKS), 10)
    doc = nlp.make_doc(TEXTS[0])
    doc.set_ents([Span(doc, 1, 3, "EVENT")])
    assert "EVENT" in {ent.label_ for ent in nlp(doc).ents}


def test_labels_can_be_added_on_the_gpu(gpu):
    nlp = trained(make_nlp(GPU_TASKS), 3)
    before = annotations(nlp)
    multitask(nlp).add_label("ner:NEW")
    multitask(nlp).add_label("topic:topic=new")
    assert [doc["ents"] for doc in annotations(nlp)] == [doc["ents"] for doc in before]
    assert train(nlp, 2)["multitask"] > 0.0


def test_confidences_and_temperatures_agree(gpu):
    nlp = trained(make_nlp(GPU_TASKS, confidences=True), 15)
    examples, data = make_examples(nlp), nlp.to_bytes()
    ours = [confidences(doc) for doc in nlp.pipe(TEXTS)]
    fitted = [fitted_temperature(each) for each in labelled_scores(nlp, examples)]
    other = on_cpu(data)
    multitask(other).confidences = True
    with use_ops("numpy"):
        theirs = [confidences(doc) for doc in other.pipe(TEXTS)]
        their_fit = [fitted_temperature(e) for e in labelled_scores(other, make_examples(other))]
    for mine, their in zip([*ours, *fitted], [*theirs, *their_fit], strict=True):
        assert mine == pytest.approx(their, abs=1e-3, rel=1e-3)
        assert len(mine)


def confidences(doc: Doc) -> list[float]:
    spans = [*doc.ents, *doc.spans["things"], *doc.spans["phrases"]]
    return [t._.tag_confidence for t in doc] + [span._.confidence for span in spans]


def fitted_temperature(scores: LabelledScores) -> list[float]:
    scores.fit()
    measured = scores.measure()
    return [measured.temperature, measured.nll, measured.reliability.ece]
