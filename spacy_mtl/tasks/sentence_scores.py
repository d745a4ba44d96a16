"""Which sentences were found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.scorer import PRFScore, Scorer
from spacy.tokens import Doc
from spacy.training import Example

from ..layers.sentences import known_starts
from ..metrics.f_score import Counts
from .alignment import same_tokens


def has_sentences(example: Example) -> bool:
    """Whether the reference says where its sentences begin."""
    return bool(known_starts(example.reference).any())


def sentence_scores(examples: Sequence[Example]) -> dict[str, Any]:
    """As `Scorer.score_spans` gives them for sentences, on the references that have them."""
    known = [example for example in examples if has_sentences(example)]
    if not all(map(same_tokens, known)):
        return Scorer.score_spans(known, "sents", has_annotation=_has_starts)
    tp, fp, fn = sentence_counts(known).array.sum(axis=(0, 1)).tolist()
    counts = PRFScore(tp=tp, fp=fp, fn=fn)
    values = (counts.precision, counts.recall, counts.fscore) if known else (None, None, None)
    return dict(zip(("sents_p", "sents_r", "sents_f"), values, strict=True))


def sentence_counts(examples: Sequence[Example]) -> Counts:
    """Sentences that are right, wrong and missing in each document, on the same tokens."""
    array = np.zeros((len(examples), 1, 3), dtype="int64")
    for row, example in enumerate(examples):
        if has_sentences(example):
            gold, guess = map(_sentences, (example.reference, example.predicted))
            right = int(np.isin(guess, gold).sum())
            array[row, 0] = right, len(guess) - right, len(gold) - right
    return Counts(array, ("sentence",), "micro", "F")


def _sentences(doc: Doc) -> NDArray[np.int64]:
    """A number for each sentence, from its first token and the one after its last; none where the
    document has no sentences."""
    if not _has_starts(doc):
        return np.zeros(0, dtype="int64")
    starts = doc.to_array("SENT_START").reshape(-1) == 1
    starts[:1] = True
    begins = np.flatnonzero(starts)
    return begins << 32 | np.append(begins[1:], len(doc))


def _has_starts(doc: Doc) -> bool:
    return doc.has_annotation("SENT_START")
