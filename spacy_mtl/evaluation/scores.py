"""Test scores that are the same function of the annotations for every system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spacy.scorer import PRFScore, Scorer
from spacy.tokens import Doc
from spacy.training import Example

from ..layers.cats import classes_of


def score_examples(examples: Sequence[Example]) -> dict[str, Any]:
    """Tag accuracy, entity P/R/F and class scores: of layers that both sides have.

    Classes are scored as one exclusive group: the highest-scoring class against the one
    gold class. `cats_macro_f` is the mean F over the classes that occur in the references
    or were predicted, `cats_acc` the share of documents that are right. `whole_acc` is the share
    of documents with the right class and all entities right, and no others.
    """
    scores: dict[str, Any] = {}
    if _both_have("TAG", examples):
        scores["tag_acc"] = Scorer.score_token_attr(examples, "tag")["tag_acc"]
    if _both_have("ENT_IOB", examples):
        found = Scorer.score_spans(
            examples,
            "ents",
            getter=lambda doc, key: doc.ents,
            has_annotation=lambda doc: doc.has_annotation("ENT_IOB"),
        )
        scores.update({key: found[key] for key in ("ents_p", "ents_r", "ents_f")})
    pairs = class_pairs(examples)
    if pairs and any(guess for _, guess in pairs):
        scores["cats_acc"] = sum(gold == guess for gold, guess in pairs) / len(pairs)
        scores["cats_macro_f"] = macro_f(pairs)
        if "ents_f" in scores:
            scores["whole_acc"] = _whole(examples)
    return scores


def _whole(examples: Sequence[Example]) -> float:
    """The share of documents, of those that have a class, that are right in all."""
    right = [
        gold == guess and entities_of(example.reference) == entities_of(example.predicted)
        for example in examples
        for gold, guess in class_pairs([example])
    ]
    return sum(right) / len(right)


def entities_of(doc: Doc) -> set[tuple[int, int, str]]:
    """Start, end (characters) and label of each entity."""
    return {(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents}


def _both_have(attr: str, examples: Sequence[Example]) -> bool:
    sides = [[eg.reference for eg in examples], [eg.predicted for eg in examples]]
    return all(any(doc.has_annotation(attr) for doc in side) for side in sides)


def class_pairs(examples: Sequence[Example]) -> list[tuple[str, str]]:
    """The gold and the highest-scoring class of each document that has a gold class."""
    pairs = []
    for eg in examples:
        gold = [label for label, value in classes_of(eg.reference).items() if value >= 0.5]
        if len(gold) == 1:
            guesses = classes_of(eg.predicted)
            pairs.append((gold[0], max(guesses, key=guesses.__getitem__) if guesses else ""))
    return pairs


def macro_f(pairs: Sequence[tuple[str, str]]) -> float:
    """The unweighted mean of the classes' F, over pairs of gold and guess."""
    classes = {label for pair in pairs for label in pair if label}
    per_class = {label: PRFScore() for label in classes}
    for gold, guess in pairs:
        if gold == guess:
            per_class[gold].tp += 1
        else:
            per_class[gold].fn += 1
            if guess:
                per_class[guess].fp += 1
    return sum(score.fscore for score in per_class.values()) / max(len(classes), 1)
