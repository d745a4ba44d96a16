"""Token tags: part-of-speech tags, universal part of speech, or whole strings of features."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.parts_of_speech import IDS as POS_IDS
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Ops, to_numpy
from thinc.types import Floats2d

from ..errors import MTLError
from ..metrics.f_score import UNSEEN, Counts, count_units
from ..models.packed import Packed
from .alignment import aligned_attribute, index_of, require_same_tokens
from .confusion import Confusion, unit_confusion
from .losses import check_smoothing, softmax, softmax_cross_entropy
from .morphs import morph_key, morph_scores, write_morphs
from .scored import Decoded
from .targets import ColumnTargets
from .token_accuracy import token_accuracy
from .token_attribute import TokenAttributeTask

NO_TAG = "(no tag)"  # what white space gets
ATTRS = ("TAG", "POS", "MORPH")


class Tagger(TokenAttributeTask):
    """Classify each token: `token.tag_`, `token.pos_` or `token.morph`.

    attr: "TAG", "POS" or "MORPH"; a MORPH label is a whole feature string, "Number=Sing"; for
        features each by itself see `spacy_mtl.tasks.morph_features`.
    overwrite: replace what is already on the token; otherwise only missing values are set.
    label_smoothing: share of the target that is spread over all other labels, as stock `tagger`.
    hidden_width: of a layer of the head's own, 0 for none.
    """

    def __init__(
        self,
        attr: str = "TAG",
        overwrite: bool = False,
        label_smoothing: float = 0.05,
        hidden_width: int = 0,
    ) -> None:
        if attr not in ATTRS:
            raise MTLError(f"Expected `attr` to be one of {list(ATTRS)}, got {attr!r}.")
        check_smoothing(label_smoothing)
        self.label_smoothing = label_smoothing
        super().__init__("tagger", attr, overwrite, hidden_width)

    def set_labels(self, labels: Iterable[str]) -> None:
        super().set_labels(labels)
        values = [_value(self.attr, label) for label in self._labels]
        self._values = np.asarray(values, dtype="uint64")

    def labels_in(self, doc: Doc) -> set[str]:
        known = dict(zip(self._values.tolist(), self._labels, strict=True))
        values = [value for value in np.unique(doc.to_array(self.attr)).tolist() if value]
        strings = doc.vocab.strings
        return {known[v] if v in known else _label(self.attr, v, strings) for v in values}

    def targets(self, examples: Sequence[Example], ops: Ops) -> ColumnTargets:
        self.warn_of_unknown(examples)
        parts = [aligned_attribute(example, self.attr) for example in examples]
        values = np.concatenate([np.zeros(0, dtype="uint64"), *parts])
        known = self.known_columns(examples, per_token=True)
        return ColumnTargets.of(index_of(values, self._values), known, ops)

    def loss(
        self, scores: Floats2d, targets: ColumnTargets, packed: Packed
    ) -> tuple[float, Floats2d]:
        return softmax_cross_entropy(
            scores, targets.classes, targets.mask, self.label_smoothing, targets.known
        )

    def decode(self, scores: Floats2d, packed: Packed, ops: Ops) -> Decoded:
        return Decoded(scores.argmax(axis=1), lambda: softmax(self.tempered(scores)))

    def values(self, docs: Sequence[Doc], decoded: Decoded) -> NDArray[np.uint64]:
        return self._values[to_numpy(decoded.labels)]

    def annotate(self, docs: Sequence[Doc], decoded: Decoded) -> None:
        if self.attr == "MORPH":
            write_morphs(docs, to_numpy(decoded.labels), self._labels, self.overwrite)
        else:
            super().annotate(docs, decoded)

    def score(self, examples: Iterable[Example]) -> dict[str, Any]:
        examples = list(examples)
        self.warn_of_unknown(examples)
        if self.attr != "MORPH":
            return token_accuracy(examples, self.attr.lower())
        return morph_scores(examples)

    def statistics(self, examples: Sequence[Example]) -> Counts:
        labels = (*self._labels, UNSEEN)
        parts = [self.gold_and_guess(example) for example in examples]
        none = np.zeros(0, dtype="int64")
        documents = [np.full(len(gold), number) for number, (gold, _) in enumerate(parts)]
        array = count_units(
            np.concatenate([none, *documents]),
            np.concatenate([none, *(gold for gold, _ in parts)]),
            np.concatenate([none, *(guess for _, guess in parts)]),
            len(parts),
            len(labels),
        )
        return Counts(array, labels, "micro", "accuracy")

    def confusion(self, examples: Sequence[Example]) -> Confusion:
        """See `Confused`."""
        none = np.zeros((2, 0), dtype="int64")
        pairs = [none, *(np.stack(self.gold_and_guess(example)) for example in examples)]
        gold, guess = np.concatenate(pairs, axis=1)
        return unit_confusion((*self._labels, UNSEEN), gold, guess, none=NO_TAG)

    def gold_and_guess(self, example: Example) -> tuple[Any, Any]:
        """(n_tokens,) numbers of labels, -1 where the token has none or is not scored."""
        require_same_tokens(example)
        gold: Any = example.reference.to_array(self.attr)
        guess: Any = example.predicted.to_array([self.attr, "IS_SPACE"])
        known = index_of(gold, self._values)
        golds = np.where((known < 0) & (gold != 0), len(self._labels), known)
        scored = (gold != 0) & (guess[:, 1] == 0)
        return golds, np.where(scored, index_of(guess[:, 0], self._values), -1)


def _value(attr: str, label: str) -> int:
    if attr == "TAG":
        return int(get_string_id(label))
    if attr == "MORPH":
        return morph_key(label)
    if label not in POS_IDS:
        known = ", ".join(name for name in POS_IDS if name)
        raise MTLError(f"Expected a universal part of speech ({known}), got {label!r}.")
    return int(POS_IDS[label])


def _label(attr: str, value: int, strings: Any) -> str:
    if attr == "POS":
        return {number: name for name, number in POS_IDS.items()}[value]
    return str(strings[value])
