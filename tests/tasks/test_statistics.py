"""What is right and wrong of each task agrees with spaCy's scores."""

import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_mtl.errors import MTLError
from spacy_mtl.metrics.f_score import UNSEEN, Counts
from spacy_mtl.tasks.ner import NER
from spacy_mtl.tasks.tagger import Tagger
from spacy_mtl.tasks.textcat import TextCat

VOCAB = spacy.blank("en").vocab
WORDS = ["Ana", "met", "Bo", "in", "Rio", "\n"]


def _doc(tags=None, ents=(), cats=None, missing=()) -> Doc:
    doc = Doc(VOCAB, words=WORDS, tags=tags)
    spans = [Span(doc, start, end, label) for start, end, label in ents]
    gaps = [Span(doc, start, end) for start, end in missing]
    doc.set_ents(spans, missing=gaps, default="outside")
    doc.cats = cats or {}
    return doc


def test_tags_as_spacy_scores_them() -> None:
    task = Tagger()
    task.name = "tagger"
    task.set_labels(["NNP", "VBD", "IN"])
    gold = _doc(tags=["NNP", "VBD", "XX", "", "NNP", "IN"])
    guess = _doc(tags=["NNP", "IN", "NNP", "IN", "NNP", "IN"])
    examples = [Example(guess, gold)]
    counts = task.statistics(examples)
    assert counts.score() == pytest.approx(task.score(examples)["tag_acc"])
    assert counts.labels[-1] == UNSEEN
    assert counts.per_label()[UNSEEN] == {"p": 0.0, "r": 0.0, "f": 0.0, "gold": 1}
    assert counts.per_label()["NNP"]["gold"] == 2


@pytest.mark.parametrize("missing", [(), [(3, 6)]])
def test_entities_as_spacy_scores_them(missing) -> None:
    task = NER()
    task.name = "ner"
    task.set_labels(["PER", "LOC"])
    gold = _doc(ents=[(0, 1, "PER"), (2, 3, "ORG")], missing=missing)
    guess = _doc(ents=[(0, 1, "PER"), (2, 3, "PER"), (4, 5, "LOC")])
    examples = [Example(guess, gold), Example(_doc(), _doc())]
    counts = task.statistics(examples)
    assert counts.array.shape == (2, 3, 3)
    assert counts.score() == pytest.approx(task.score(examples)["ents_f"])
    assert counts.array[0].sum(axis=0).tolist() == [1, 2 if not missing else 1, 1]


def test_span_groups_count_where_the_reference_has_them() -> None:
    task = NER(spans_key="things")
    task.name = "things"
    task.set_labels(["PER"])
    gold, guess, none = _doc(), _doc(), _doc()
    gold.spans["things"] = [Span(gold, 0, 1, "PER")]
    guess.spans["things"] = [Span(guess, 0, 1, "PER"), Span(guess, 2, 3, "PER")]
    counts = task.statistics([Example(guess, gold), Example(guess.copy(), none)])
    assert counts.array.sum(axis=1).tolist() == [[1, 1, 0], [0, 0, 0]]


def test_exclusive_classes() -> None:
    task = TextCat(exclusive=True)
    task.name = "topic"
    task.set_labels(["a", "b", "c"])
    pairs = [("a", "a"), ("b", "a"), ("b", "b"), (None, "c")]
    examples = [
        Example(
            _doc(cats={label: 0.9 if label == guess else 0.05 for label in "abc"}),
            _doc(cats={} if gold is None else {gold: 1.0}),
        )
        for gold, guess in pairs
    ]
    counts = task.statistics(examples)
    assert counts.array[3].sum() == 0
    assert counts.score() == pytest.approx((2 / 3 + 2 / 3) / 2)  # "c" does not occur


def test_classes_that_are_not_exclusive_count_where_they_are_known() -> None:
    task = TextCat(exclusive=False, threshold=0.4)
    task.name = "topic"
    task.set_labels(["a", "b"])
    examples = [
        Example(_doc(cats={"a": 0.45, "b": 0.9}), _doc(cats={"a": 1.0})),
        Example(_doc(cats={"a": 0.1, "b": 0.9}), _doc(cats={"a": 1.0, "b": 0.0})),
    ]
    assert task.statistics(examples).array.tolist() == [
        [[1, 0, 0], [0, 0, 0]],
        [[0, 0, 1], [0, 1, 0]],
    ]


@pytest.mark.parametrize("task", [Tagger(), NER()])
def test_other_tokens_are_refused(task) -> None:
    task.set_labels(["NNP"])
    other = Doc(VOCAB, words=["Ana", "met"])
    with pytest.raises(MTLError, match="on the tokens of the reference"):
        task.statistics([Example(other, Doc(VOCAB, words=["Anamet"], tags=["NNP"]))])


def test_no_documents() -> None:
    for task in (Tagger(), NER(), TextCat()):
        task.set_labels(["NNP"])
        counts: Counts = task.statistics([])
        assert len(counts.array) == 0 and counts.score() == 0.0
