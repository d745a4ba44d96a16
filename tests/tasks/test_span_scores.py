import numpy as np
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_mtl.confidences import note_spans
from spacy_mtl.marks import mark
from spacy_mtl.metrics.f_score import UNSEEN
from spacy_mtl.tasks.ner import NER
from spacy_mtl.tasks.span_scores import (
    NO_ENTITY,
    NOT_FOUND,
    Sides,
    noted_span_outcomes,
    span_confusion,
    span_counts,
)

VOCAB = spacy.blank("en").vocab
# Of the first document one is right, one has another label, one is missed, one has other borders.
DOCUMENTS: list[Sides] = [
    ({("A", 0, 1), ("A", 2, 3), ("B", 4, 6)}, {("A", 0, 1), ("B", 2, 3), ("B", 4, 5)}),
    ({("other", 0, 2)}, set()),
]


def test_right_are_label_and_borders() -> None:
    found = span_counts(["A", "B"], DOCUMENTS)
    assert found.labels == ("A", "B", UNSEEN)
    assert found.array.tolist() == [
        [[1, 0, 1], [0, 2, 1], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 1]],
    ]
    assert len(span_counts(["A"], [])) == 0


def test_confused_are_those_with_the_same_borders() -> None:
    found = span_confusion(["A", "B"], DOCUMENTS)
    assert found.rows == ["A", "B", UNSEEN, NO_ENTITY]
    assert found.columns == ["A", "B", UNSEEN, NOT_FOUND]
    assert found.counts.tolist() == [[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 1, 0, 0]]


def test_outcomes_are_of_what_is_scored_and_was_noted() -> None:
    doc = Doc(VOCAB, words=["a", "b", "c", "d"])
    doc.ents = [Span(doc, n, n + 1, "A") for n in range(4)]
    borders = [(ent.start_char, ent.end_char, ent.label) for ent in doc.ents[:3]]
    sure = np.asarray([0.5, 0.75, np.nan])
    note_spans(doc, "doc.ents", np.asarray(borders, dtype="uint64"), sure, keep=False)
    found = {("A", n, n + 1) for n in (1, 2, 3)}
    assert list(noted_span_outcomes(doc.ents, {("A", 1, 2)}, found)) == [(0.75, True)]


def test_what_the_corpus_does_not_know_is_not_scored() -> None:
    task = NER()
    task.set_labels(["A", "B"])
    gold, guess = (Doc(VOCAB, words=["a", "b"]) for _ in range(2))
    gold.ents = [Span(gold, 0, 1, "A")]
    guess.ents = [Span(guess, 0, 1, "A"), Span(guess, 1, 2, "B")]
    example = Example(guess, gold)
    assert task.scored_spans(example)[1] == {("A", 0, 1), ("B", 1, 2)}
    mark(example, "x", 0, {task.name: ["A"]})
    assert task.scored_spans(example) == ({("A", 0, 1)}, {("A", 0, 1)})
    assert task.confusion([example]).counts.sum() == 1
