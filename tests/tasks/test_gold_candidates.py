import numpy as np
import pytest
from spacy.pipeline.spancat import build_ngram_range_suggester, build_ngram_suggester
from spacy.strings import get_string_id
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_mtl.models.candidates import suggest
from spacy_mtl.tasks.gold_candidates import (
    MISSING,
    UNKNOWN,
    GoldCandidates,
    candidate_recall,
    gold_spans,
)

LABELS = ["A", "B"]
IDS = np.asarray([get_string_id(label) for label in LABELS], dtype="uint64")


def example(vocab, reference, spans, predicted=None, spaces=None):
    """spans: start, end and label, None for no group."""
    doc = Doc(vocab, words=reference.split(), spaces=spaces)
    if spans is not None:
        doc.spans["x"] = [Span(doc, *span) for span in spans]
    return Example(Doc(vocab, words=(predicted or reference).split()), doc)


def gold_of(examples, longest=3):
    docs = [eg.predicted for eg in examples]
    candidates = suggest(build_ngram_range_suggester(1, longest), docs)
    found = GoldCandidates.of(examples, candidates, IDS, "x")
    rows = zip(candidates.starts.tolist(), candidates.ends.tolist(), strict=True)
    return {row: place for place, row in enumerate(rows)}, found


def test_candidates_that_are_spans(vocab):
    examples = [
        example(vocab, "a b c", [(0, 2, "B"), (1, 2, "A"), (0, 2, "A")]),
        example(vocab, "d", None),
        example(vocab, "e f", []),
        example(vocab, "g h i j", [(0, 4, "A"), (3, 4, "B")]),  # the first is no candidate
    ]
    place, gold = gold_of(examples)
    spans = {
        row: gold.labels[gold.span[i]].tolist() for row, i in place.items() if gold.span[i] >= 0
    }
    assert spans == {(0, 2): [True, True], (1, 2): [True, False], (9, 10): [False, True]}
    assert not gold.unknown.any()
    assert [row for row, i in place.items() if not gold.labelled[i]] == [(3, 4)]


def test_labels_that_the_task_does_not_have(vocab):
    place, gold = gold_of([example(vocab, "a b", [(0, 1, "C"), (0, 2, "C"), (0, 2, "A")])])
    assert gold.unknown[gold.span[[place[0, 1], place[0, 2]]]].all()
    assert gold.labels[gold.span[place[0, 2]]].tolist() == [True, False]
    assert gold.span[place[1, 2]] == -1 and gold.labelled.all()


def test_aligned_as_spacy_does_it(vocab):
    """One span is of whole predicted tokens, the others begin or end within one."""
    spans = [(0, 2, "A"), (2, 3, "B"), (3, 5, "A"), (0, 5, "C")]
    eg = example(
        vocab, "ab cd e f gh", spans, "abcd ef gh", spaces=[False, True, False, True, True]
    )
    aligned = eg.get_aligned_spans_y2x(eg.reference.spans["x"], allow_overlap=True)
    assert [(s.start, s.end, s.label_) for s in aligned] == [(0, 1, "A"), (0, 3, "C")]
    found = [tuple(row) for row in gold_spans(eg, IDS, "x").tolist()]
    assert found == [(0, 1, 0), (1, 2, MISSING), (1, 2, MISSING), (2, 3, MISSING), (0, 3, UNKNOWN)]
    eg.reference.spans["x"] = list(eg.reference.spans["x"])[:2]
    place, gold = gold_of([eg])
    labelled = {row for row, i in place.items() if gold.labelled[i]}
    assert labelled == {(0, 1), (2, 3)}
    assert gold.labels[gold.span[place[0, 1]]].tolist() == [True, False]


def test_predicted_tokens_that_are_not_in_the_reference(vocab):
    reference = Doc(vocab, words=["a", "b", "c"], spaces=[True, True, False])
    reference.spans["x"] = [Span(reference, 1, 2, "A")]
    predicted = Doc(vocab, words=["a", "\n", "b", "c"], spaces=[True, False, True, False])
    place, gold = gold_of([Example(predicted, reference)])
    touching = {row for row in place if row[0] <= 1 < row[1]}
    assert {row for row, i in place.items() if not gold.labelled[i]} == touching
    assert gold.span[place[2, 3]] >= 0


def test_changed_annotation_is_aligned_anew(vocab):
    eg = example(vocab, "ab cd", [(0, 2, "A")], "abcd", spaces=[False, True])
    assert gold_spans(eg, IDS, "x").tolist() == [[0, 1, 0]]
    eg.reference.spans["x"] = [Span(eg.reference, 0, 2, "B")]
    assert gold_spans(eg, IDS, "x").tolist() == [[0, 1, 1]]


def test_no_documents_and_empty_ones(vocab):
    for examples in ([], [example(vocab, "", [])]):
        _, gold = gold_of(examples)
        assert not len(gold.labelled) and not len(gold.labels)


@pytest.mark.parametrize(("sizes", "expected"), [([1], 1), ([1, 2], 2), ([1, 2, 3, 3], 3)])
def test_recall(sizes, expected, vocab):
    spans = [(0, 1, "A"), (0, 1, "B"), (0, 2, "A"), (0, 3, "A"), (0, 4, "A")]
    examples = [example(vocab, "a b c d", spans), example(vocab, "e", None)]
    assert candidate_recall(build_ngram_suggester(sizes), examples, "x") == (expected, 4)
