import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_mtl.evaluation.scores import class_pairs, macro_f, score_examples

VOCAB = spacy.blank("en").vocab


def _doc(tags: list[str] | None = None, ents: list[tuple[int, int]] | None = None) -> Doc:
    doc = Doc(VOCAB, words=["a", "b", "c"], tags=tags)
    if ents is not None:
        doc.set_ents([Span(doc, start, end, "X") for start, end in ents])
    return doc


def test_layers_that_both_sides_have() -> None:
    gold, guess = _doc(["A", "B", "C"], [(0, 1), (1, 3)]), _doc(["A", "B", "B"], [(0, 1)])
    scores = score_examples([Example(guess, gold)])
    assert scores["tag_acc"] == pytest.approx(2 / 3)
    assert (scores["ents_p"], scores["ents_r"]) == (1.0, 0.5)
    assert score_examples([Example(_doc(), gold)]) == {}
    assert score_examples([Example(guess, _doc())]) == {}


def test_classes() -> None:
    examples = []
    for gold, guess in [("x", "x"), ("x", "y"), ("y", "y"), (None, "y")]:
        reference, predicted = _doc(), _doc()
        reference.cats = {label: float(label == gold) for label in "xy"} if gold else {}
        predicted.cats = {"x": 0.4, "y": 0.4, guess: 0.6}
        examples.append(Example(predicted, reference))
    assert class_pairs(examples) == [("x", "x"), ("x", "y"), ("y", "y")]
    scores = score_examples(examples)
    assert scores["cats_acc"] == pytest.approx(2 / 3)
    assert scores["cats_macro_f"] == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_macro_f_counts_classes_that_were_only_guessed() -> None:
    assert macro_f([("x", "x"), ("x", "z")]) == pytest.approx((2 / 3 + 0) / 2)


def test_documents_that_are_right_in_all() -> None:
    examples = []
    for guess, ents in [("x", [(0, 1)]), ("x", [(0, 2)]), ("y", [(0, 1)]), ("x", [])]:
        reference, predicted = _doc(ents=[(0, 1)]), _doc(ents=ents)
        reference.cats, predicted.cats = {"x": 1.0, "y": 0.0}, {guess: 1.0}
        examples.append(Example(predicted, reference))
    assert score_examples(examples)["whole_acc"] == pytest.approx(1 / 4)
