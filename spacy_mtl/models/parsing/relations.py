"""Scores of the relations of dependents to their heads.

Of each relation a word has three columns: u as a dependent, v and b as a head. The score of a
relation is u (1 + v) + b, so that one matrix product gives all that is needed for any arc.
"""

from __future__ import annotations

from typing import Any

from thinc.api import Ops

Array = Any  # of numpy or cupy
PARTS = ("dependent", "head-times", "head-plus")


def column_names(relations: list[str]) -> list[str]:
    """The columns of these relations."""
    return [f"{part}-{relation}" for part in PARTS for relation in relations]


def relation_scores(scores: Array, words: Array, heads: Array) -> Array:
    """(n_arcs, n_relations) scores. scores: (n_words, 3 * n_relations); words, heads: (n_arcs,)."""
    n = scores.shape[1] // len(PARTS)
    u, v, b = scores[words, :n], scores[heads, n : 2 * n], scores[heads, 2 * n :]
    return u * (1 + v) + b


def backprop_relations(
    ops: Ops, dY: Array, scores: Array, words: Array, heads: Array, d_scores: Array
) -> None:
    """Add the gradient of the words' scores to `d_scores`. words: each once at most."""
    n = scores.shape[1] // len(PARTS)
    u, v = scores[words, :n], scores[heads, n : 2 * n]
    d_scores[words, :n] += dY * (1 + v)
    d_heads: Any = ops.xp.concatenate([dY * u, dY], axis=1)
    ops.scatter_add(d_scores[:, n:], heads, d_heads)
