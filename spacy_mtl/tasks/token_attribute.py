"""Tasks that give each token a value of one of its attributes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import to_numpy

from ..confidences import has_place, note_tokens, token_confidence
from ..models.heads import Head, TokenHead
from ..models.shown import SOFTMAX, TOKEN, Shows
from .alignment import require_same_tokens
from .base import Task
from .labels import LabelledTask
from .scored import Decoded


class TokenAttributeTask(LabelledTask):
    """One decision for each token, written as the value of an attribute.

    attr: the attribute, as `Doc.to_array` names it: "TAG"; its layer has the same name in small
        letters.
    overwrite: replace what is already on the token by what is decided; otherwise only missing
        values are set.
    hidden_width: of a layer of the head's own, 0 for none.
    """

    @property
    def shows(self) -> Shows | None:
        return TOKEN, SOFTMAX

    def __init__(self, name: str, attr: str, overwrite: bool, hidden_width: int) -> None:
        self.attr = attr
        self.overwrite = overwrite
        self.hidden_width = hidden_width
        super().__init__(name)

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.attr.lower(),)

    @property
    def assigns(self) -> tuple[str, ...]:
        return (f"token.{self.attr.lower()}",)

    @property
    def main_score(self) -> str:
        return f"{self.attr.lower()}_acc"

    def find_labels(self, examples: Iterable[Example], others: Sequence[Task]) -> list[str]:
        return sorted(set().union(*(self.labels_in(eg.reference) for eg in examples)))

    def make_head(self) -> Head:
        return TokenHead(self.hidden_width)

    @abstractmethod
    def values(self, docs: Sequence[Doc], decoded: Any) -> NDArray[np.uint64]:
        """(n_tokens,) what it decides for the tokens of a batch, as `Doc.to_array` has it."""

    def standing(self, docs: Sequence[Doc], decoded: Any) -> list[Any]:
        """(n_tokens,) of each document the values of the attribute, as `Doc.to_array` has them."""
        decided = _by_doc(docs, self.values(docs, decoded))
        before = [doc.to_array(self.attr).reshape(-1) for doc in docs]
        pairs = zip(decided, before, strict=True)
        sides = ((new, old) if self.overwrite else (old, new) for new, old in pairs)
        return [np.where(first == 0, second, first) for first, second in sides]

    def annotate(self, docs: Sequence[Doc], decoded: Any) -> None:
        for doc, values in zip(docs, self.standing(docs, decoded), strict=True):
            if len(doc):
                doc.from_array([self.attr], values.reshape(-1, 1))

    def note_confidences(self, docs: Sequence[Doc], decoded: Decoded) -> None:
        """Of tags and lemmas; there is no place for those of the other attributes."""
        if not has_place(self.attr):
            return
        values = _by_doc(docs, self.values(docs, decoded))
        confidences = _by_doc(docs, to_numpy(decoded.confidences))
        for doc, own, sure in zip(docs, values, confidences, strict=True):
            kept = (doc.to_array(self.attr).reshape(-1) != 0) & (not self.overwrite)
            note_tokens(doc, self.attr, own, sure, kept)

    def noted_outcomes(self, example: Example) -> Iterator[tuple[float, bool]]:
        """See `Confident`; of tags and lemmas, as there is no place for the other attributes."""
        if not has_place(self.attr):
            return
        require_same_tokens(example)
        gold: Any = example.reference.to_array(self.attr)
        guess: Any = example.predicted.to_array([self.attr, "IS_SPACE"])
        for token in np.flatnonzero((gold != 0) & (guess[:, 1] == 0)).tolist():
            confidence = token_confidence(example.predicted[token], self.attr)
            if confidence is not None:
                yield confidence, bool(gold[token] == guess[token, 0])

    def is_labelled(self, example: Example) -> bool:
        return bool(example.reference.to_array(self.attr).any())


def _by_doc(docs: Sequence[Doc], values: NDArray[Any]) -> list[Any]:
    """What a batch's tokens have, (n_tokens, ...), by document."""
    ends = np.cumsum([0, *(len(doc) for doc in docs)]).tolist()
    return [values[begin:end] for begin, end in pairwise(ends)]
