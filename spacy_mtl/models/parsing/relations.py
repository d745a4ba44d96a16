"""Scores of the relations of words to their heads, where the heads of all words are known.

Of each relation a word has several columns. The score of a relation is

    u (1 + v) + b + l + sum of c + sum of d

with u and, if the head is to the left, l of the dependent; v and b of the head; c of the words
whose head the dependent is; d of all words that have the same head. So one matrix product gives all
that is needed for any tree, and a word with a preposition below it is told from one without.
"""

from __future__ import annotations

from typing import Any

from thinc.api import Ops

Array = Any  # of numpy or cupy
PARTS = ("dependent", "to-left", "head-times", "head-plus", "child", "sibling")
_U, _L, _V, _B, _C, _D = range(len(PARTS))


def column_names(relations: list[str]) -> list[str]:
    """The columns of these relations."""
    return [f"{part}-{relation}" for part in PARTS for relation in relations]


class Relations:
    """The scores of the relations of some words.

    scores: (n_words, columns). heads: (n_words,) the number of each word's head, its own where it
    has none, or none that is known. words: (n_arcs,) those that are scored, each once at most.
    S: (n_arcs, n_relations) their scores.
    """

    def __init__(self, ops: Ops, scores: Array, heads: Array, words: Array) -> None:
        xp: Any = ops.xp
        heads = heads.astype("int32")  # for which adding up rows is fast
        self._ops, self._words, self._heads = ops, words, heads[words]
        self._n = n = scores.shape[1] // len(PARTS)
        self._left = (self._heads < words)[:, None]
        self._below = xp.flatnonzero(heads != xp.arange(len(heads)))
        self._above = heads[self._below]
        below = self._below_each(scores[:, _C * n :])
        of_heads = scores[:, _V * n : _C * n].copy()
        of_heads[:, n:] += below[:, n:]
        of_heads = of_heads[self._heads]
        self._u, self._v = self._part(scores, _U)[words], of_heads[:, :n]
        self.S = self._u * (1 + self._v)
        self.S += of_heads[:, n:]
        self.S += self._part(scores, _L)[words] * self._left
        self.S += below[words, :n]

    def backprop(self, dS: Array, d_scores: Array) -> None:
        """Add the gradient of the scores of words to `d_scores`."""
        words, heads = self._words, self._heads
        self._part(d_scores, _U)[words] += dS * (1 + self._v)
        self._part(d_scores, _L)[words] += dS * self._left
        at_heads = self._zeros(d_scores, 2 * self._n)
        both: Any = self._ops.xp.concatenate([dS * self._u, dS], axis=1)
        self._ops.scatter_add(at_heads, heads, both)
        self._part(d_scores, _V)[...] += at_heads[:, : self._n]
        self._part(d_scores, _B)[...] += at_heads[:, self._n :]
        at_words = self._zeros(d_scores, self._n)
        at_words[words] = dS
        self._part(d_scores, _C)[self._below] += at_words[self._above]
        self._part(d_scores, _D)[self._below] += at_heads[self._above, self._n :]

    def _part(self, columns: Array, part: int) -> Array:
        return columns[:, part * self._n : (part + 1) * self._n]

    def _below_each(self, columns: Array) -> Array:
        """(n_words, columns) the sum over the words below each."""
        total = self._zeros(columns, columns.shape[1])
        self._ops.scatter_add(total, self._above, columns[self._below])
        return total

    def _zeros(self, columns: Array, n: int) -> Any:
        """(n_words, n)."""
        return self._ops.xp.zeros((len(columns), n), columns.dtype)
