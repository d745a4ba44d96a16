import numpy as np
import pytest
from spacy.tokens import Span
from spacy.training import Example
from thinc.api import NumpyOps

from spacy_mtl.confidences import CONFIDENCES, span_confidence
from spacy_mtl.marks import mark
from spacy_mtl.tasks.ner import NER

OPS = NumpyOps()
WORDS = "Ana saw New York , Bob"


def ner(**settings):
    task = NER(**settings)
    task.set_labels(["LOC", "PER"])
    return task


def decided(task, docs, pack, tags="U-PER O B-LOC L-LOC O U-PER", height=3.0):
    """The task's decision by scores whose best columns are these tags."""
    tags = tags.split()
    scores = np.zeros((len(tags), len(task.columns)), dtype="float32")
    scores[np.arange(len(tags)), [task.columns.index(tag) for tag in tags]] = height
    return task.decode(scores, pack(docs), OPS)


def outcomes(task, reference, pack, make_doc, labels=None):
    """Of spans, whether they are right."""
    predicted = make_doc(WORDS)
    example = Example(predicted, reference)
    if labels is not None:
        mark(example, "corpus", 0, {"ner": labels})
    targets = task.targets([example], OPS)
    confidences, right = task.outcomes(decided(task, [predicted], pack), targets)
    assert confidences.shape == right.shape
    assert ((confidences > 0) & (confidences < 1)).all()
    return right.tolist()


@pytest.mark.parametrize("crf", [False, True])
def test_right_is_the_very_span_with_its_label(crf, make_doc, pack):
    task = ner(crf=crf)
    ents = ["B-PER", "O", "B-LOC", "I-LOC", "O", "B-PER"]
    assert outcomes(task, make_doc(WORDS, ents=ents), pack, make_doc) == [True] * 3
    ents = ["B-LOC", "O", "O", "B-LOC", "O", "O"]  # another label, another beginning, none
    assert outcomes(task, make_doc(WORDS, ents=ents), pack, make_doc) == [False] * 3


def test_spans_without_gold_are_left_out(make_doc, pack):
    reference = make_doc(WORDS)
    assert outcomes(ner(), reference, pack, make_doc) == []
    reference.set_ents([Span(reference, 4, 5, "PER")], missing=[reference[2:3]])
    assert outcomes(ner(), reference, pack, make_doc) == [False, False]
    reference = make_doc(WORDS, ents=["O"] * 6)
    assert outcomes(ner(), reference, pack, make_doc, labels=["PER"]) == [False, False]


def test_spans_that_were_there_are_left_out(make_doc, pack):
    task = ner()
    predicted, reference = make_doc(WORDS), make_doc(WORDS, ents=["O"] * 6)
    predicted.set_ents([Span(predicted, 0, 1, "PER")])
    targets = task.targets([Example(predicted, reference)], OPS)
    _, right = task.outcomes(decided(task, [predicted], pack), targets)
    assert right.tolist() == [False, False]


@pytest.mark.parametrize("key", [None, "x"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_noted_for_what_is_written(key, overwrite, make_doc, pack):
    task = ner(spans_key=key, overwrite=overwrite)
    docs = [
        make_doc(""),
        make_doc("Ana saw"),
        make_doc(""),
        make_doc("New York , Bob"),
        make_doc(""),
    ]
    preset = docs[1]
    preset.set_ents([Span(preset, 0, 1, "PER")])
    preset.spans["x"] = [Span(preset, 1, 2, "PER")]
    decoded = decided(task, docs, pack)
    task.note_confidences(docs, decoded)
    task.annotate(docs, decoded)
    written = {
        span.text: span_confidence(span)
        for doc in docs
        for span in (doc.ents if key is None else doc.spans[key])
    }
    first = {"Ana": None} if key is None else {"saw": None}
    expected = decoded.confidences.tolist()
    assert np.isnan(expected[0]) != overwrite
    first = {"Ana": pytest.approx(expected[0])} if overwrite else first
    rest = {"New York": pytest.approx(expected[1]), "Bob": pytest.approx(expected[2])}
    assert written == {**first, **rest}
    assert all(CONFIDENCES in doc.user_data for doc in docs)


def test_surer_with_higher_scores(make_doc, pack):
    low, high = (decided(ner(), [make_doc(WORDS)], pack, height=height) for height in (1.0, 9.0))
    assert (low.confidences < high.confidences).all() and (high.confidences > 0.99).all()
