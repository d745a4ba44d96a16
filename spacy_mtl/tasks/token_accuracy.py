"""The accuracy of token attributes, counted on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spacy.scorer import PRFScore, Scorer
from spacy.training import Example

from .alignment import same_tokens


def token_accuracy(examples: Sequence[Example], attr: str) -> dict[str, Any]:
    """The same as `Scorer.score_token_attr`, which goes through the tokens in Python.

    attr: "tag", "pos" or "lemma". Where the tokens of an example's sides differ, spaCy counts.
    """
    if not all(same_tokens(example) for example in examples):
        return Scorer.score_token_attr(examples, attr)
    counts = PRFScore()
    for example in examples:
        gold = example.reference.to_array(attr.upper())
        predicted = example.predicted.to_array([attr.upper(), "IS_SPACE"])
        labelled = gold != 0
        said = labelled & (predicted[:, 1] == 0)
        right = int((said & (predicted[:, 0] == gold)).sum())
        counts += PRFScore(tp=right, fp=int(said.sum()) - right, fn=int(labelled.sum()) - right)
    return {f"{attr}_acc": counts.fscore if len(counts) else None}
