"""Heads, relations and sentences of references, on the tokens of the predicted documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spacy.training import Example

from ..layers.sentences import known_starts
from ..models.packed import token_attributes
from .alignment import once_aligned, same_tokens, single_tokens
from .whitespace import starts_at_words

Numbers = NDArray[np.int64]
_HEAD, _DEP, _START, _BEGINS, _SPACE = range(5)


@dataclass(frozen=True)
class GoldTrees:
    """What references say of a batch of documents; tokens are numbered through the batch.

    heads: (n_tokens,) the number of each token's head, its own for a root, -1 where it is not
        known. Tokens of whitespace have none, and are none.
    relations: (n_tokens,) the hash of the relation to it, 0 where it is not known.
    starts: (n_tokens,) 1 where a sentence begins, -1 where one goes on, 0 where it is not known.
    begins: (n_tokens,) where sentences begin by what is known of them, for what is looked for
        within sentences; no known arc leads from one to another.
    whole: (n_tokens,) whether all words of the document have heads.
    first: (n_tokens,) whether it is the first token of its document.
    is_space: (n_tokens,) whether it is whitespace.
    """

    heads: Numbers
    relations: NDArray[np.uint64]
    starts: Numbers
    begins: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    first: NDArray[np.bool_]
    is_space: NDArray[np.bool_]

    @classmethod
    def of(cls, examples: Sequence[Example]) -> GoldTrees:
        """Those of the references."""
        parts = [np.zeros((0, 4), dtype="int64"), *map(_aligned, examples)]
        table = np.concatenate(parts)
        docs = [example.predicted for example in examples]
        lengths = np.asarray([len(doc) for doc in docs], dtype="int64")
        document = np.repeat(np.arange(len(docs)), lengths)
        offsets = (np.cumsum(lengths) - lengths)[document]
        is_space = token_attributes(docs, ["IS_SPACE"])[:, 0] != 0
        known = table[:, _HEAD] >= 0
        partly = np.bincount(document[~known & ~is_space], minlength=len(docs)) > 0
        return cls(
            np.where(known, table[:, _HEAD] + offsets, -1),
            table[:, _DEP].astype("uint64"),
            table[:, _START],
            table[:, _BEGINS] != 0,
            ~partly[document],
            np.arange(len(table)) == offsets,
            is_space,
        )


def _aligned(example: Example) -> Numbers:
    """(n_tokens, 4) head, relation, start, and whether a sentence begins, of one document."""
    doc = example.reference
    gold = doc.to_array(["HEAD", "DEP", "SENT_START", "IS_SPACE"]).reshape(len(doc), 4)
    numbers = gold.astype("int64")
    if not len(example.predicted):
        return np.zeros((0, 4), dtype="int64")

    def align() -> Numbers:
        tokens = np.arange(len(doc))
        known = (gold[:, 1] != 0) & (gold[:, 3] == 0)
        heads = np.where(known, numbers[:, 0] + tokens, -1)
        heads[known] = np.where(gold[heads[known], 3] != 0, -1, heads[known])
        begins = np.where(numbers[:, 2] == 1, 1, -1)
        starts = starts_at_words(known_starts(doc), gold[:, 3] != 0, tokens == 0)
        sides = heads, numbers[:, 1] * (heads >= 0), starts, begins
        table = np.stack([each.astype("int64") for each in sides], axis=1)
        if not same_tokens(example):
            table = _on_predicted(example, table)
        table[:, _BEGINS] = _uncrossed(table[:, _HEAD], table[:, _BEGINS] == 1)
        return table

    return once_aligned(example, "tree", gold, align)


def _on_predicted(example: Example, table: Numbers) -> Numbers:
    """The same on the predicted tokens, as spaCy has it: a token has the head of the one that it
    is a part of, if just one token is aligned to that head; and a sentence begins at the first
    token that is aligned to its first one."""
    to_predicted = example.alignment.y2x
    own, of_gold = single_tokens(example.alignment.x2y), single_tokens(to_predicted)
    aligned = np.zeros((len(own), 4), dtype="int64")
    heads = np.where(own >= 0, table[own, _HEAD], -1)
    aligned[:, _HEAD] = np.where(heads >= 0, of_gold[heads], -1)
    aligned[:, _DEP] = np.where(aligned[:, _HEAD] >= 0, table[own, _DEP], 0)
    firsts = np.cumsum(to_predicted.lengths) - to_predicted.lengths
    for column in (_START, _BEGINS):
        aligned[:, column] = -1 if table[:, column].all() else 0
        begins = (table[:, column] == 1) & (to_predicted.lengths > 0)
        aligned[to_predicted.data[firsts[begins]], column] = 1
    return aligned


def _uncrossed(heads: Numbers, begins: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Beginnings of sentences that no arc leads across, and that of the document."""
    words = np.flatnonzero(heads >= 0)
    low, high = np.minimum(words, heads[words]), np.maximum(words, heads[words])
    change = np.zeros(len(heads) + 1, dtype="int64")
    np.add.at(change, low + 1, 1)
    np.add.at(change, high + 1, -1)
    free: NDArray[np.bool_] = begins & (np.cumsum(change)[:-1] == 0)
    free[:1] = True
    return free
