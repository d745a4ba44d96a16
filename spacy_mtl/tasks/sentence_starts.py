"""Where sentences begin, for pipelines without a parser."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Ops, to_numpy
from thinc.types import ArrayXd, Floats2d

from ..layers.sentences import set_starts
from ..metrics.f_score import Counts
from ..models.heads import Head, TokenHead, set_outputs
from ..models.packed import Packed
from ..models.shown import SIGMOID, TOKEN, Shows
from .alignment import require_same_tokens
from .boundaries import boundary_loss, decode_starts, is_open
from .gold_trees import GoldTrees
from .losses import sigmoid
from .scored import Decoded, ScoredTask
from .sentence_scores import has_sentences, sentence_counts, sentence_scores


@dataclass(frozen=True)
class StartTargets:
    """Of each token whether a sentence begins there. gold, mask: (n_tokens,); the first token of a
    document and whitespace are none of the units."""

    gold: ArrayXd
    mask: ArrayXd
    n_units: int


class SentenceStarts(ScoredTask):
    """Where sentences begin: `token.is_sent_start`, as stock `senter`.

    It learns from sentences that are annotated, or come from trees in which every word has a head.
    Not beside a `Parser`, which finds sentences itself.

    overwrite: replace what is already on the Doc; otherwise only what is not known is set.
    hidden_width: of a layer of the head's own, 0 for none.
    """

    @property
    def shows(self) -> Shows | None:
        return TOKEN, SIGMOID

    def __init__(self, overwrite: bool = False, hidden_width: int = 0) -> None:
        self.name = "senter"
        self.overwrite = overwrite
        self.hidden_width = hidden_width
        self.temperature = 1.0

    @property
    def layers(self) -> tuple[str, ...]:
        return ("sents",)

    @property
    def assigns(self) -> tuple[str, ...]:
        return ("token.is_sent_start",)

    def make_head(self) -> Head:
        head = TokenHead(self.hidden_width)
        set_outputs(head, 1)
        return head

    def targets(self, examples: Sequence[Example], ops: Ops) -> StartTargets:
        gold = GoldTrees.of(examples)
        mask = (gold.starts != 0) & is_open(gold.first, gold.is_space)
        sides = ops.xp.asarray(gold.starts == 1), ops.xp.asarray(mask)
        return StartTargets(*sides, int(mask.sum()))

    def loss(
        self, scores: Floats2d, targets: StartTargets, packed: Packed
    ) -> tuple[float, Floats2d]:
        return boundary_loss(scores, targets.gold, targets.mask)

    def negative_log_likelihood(
        self, scores: Floats2d, targets: StartTargets, packed: Packed
    ) -> float:
        """See `Calibrated`; the same as the loss."""
        return self.loss(scores, targets, packed)[0]

    def decode(self, scores: Floats2d, packed: Packed, ops: Ops) -> Decoded:
        starts = ops.xp.asarray(decode_starts(scores[:, 0], packed, not self.overwrite))

        def probabilities() -> ArrayXd:
            yes = sigmoid(scores / self.temperature)
            return ops.xp.concatenate([1 - yes, yes], axis=1)

        return Decoded(starts.astype("int32"), probabilities)

    def outcomes(
        self, decoded: Decoded, targets: StartTargets
    ) -> tuple[NDArray, NDArray[np.bool_]]:
        """See `Calibrated`."""
        right = (decoded.labels == 1) == targets.gold
        return to_numpy(decoded.confidences[targets.mask]), to_numpy(right[targets.mask])

    def standing(self, docs: Sequence[Doc], decoded: Decoded) -> list[NDArray[np.bool_]]:
        """Of each document, (n_tokens,) where sentences begin."""
        starts = to_numpy(decoded.labels) == 1
        return np.split(starts, np.cumsum([len(doc) for doc in docs])[:-1])

    def annotate(self, docs: Sequence[Doc], decoded: Decoded) -> None:
        for doc, starts in zip(docs, self.standing(docs, decoded), strict=True):
            if len(doc):
                set_starts(doc, np.where(starts, 1, -1))

    def is_labelled(self, example: Example) -> bool:
        return has_sentences(example)

    def score(self, examples: Iterable[Example]) -> dict[str, Any]:
        return sentence_scores(list(examples))

    def statistics(self, examples: Sequence[Example]) -> Counts:
        for example in examples:
            require_same_tokens(example)
        return sentence_counts(examples)

    @property
    def main_score(self) -> str:
        return "sents_f"
