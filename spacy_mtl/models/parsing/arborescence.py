"""The best tree over a sentence's words: a maximum arborescence with one root."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Heads = NDArray[np.int64]


def is_tree(heads: Heads) -> NDArray[np.bool_]:
    """(n,) whether each sentence's heads are a tree with one root.

    heads: (n, length) the place of each word's head in its sentence, that of the word itself for
        a root.
    """
    length = heads.shape[1]
    n_roots = (heads == np.arange(length)).sum(axis=1)
    reached = heads
    for _ in range(max(length - 1, 1).bit_length()):  # twice as far each time
        reached = np.take_along_axis(reached, reached, axis=1)
    at_root = np.take_along_axis(heads, reached, axis=1) == reached
    tree: NDArray[np.bool_] = (n_roots == 1) & at_root.all(axis=1)
    return tree


def best_tree(scores: NDArray[Any]) -> Heads:
    """(length,) the heads of the tree with one root that has the highest sum of scores.

    scores: (length, length) of each word, by row, with each head, by column; on the diagonal that
    of the word as the root.

    The algorithm of Chu and Liu (1965) and Edmonds (1967): each word takes its best head, a cycle
    becomes one node, and so on. A root costs more than all else together, so that there is one
    (Stanojević and Cohen 2021, https://aclanthology.org/2021.emnlp-main.823).
    """
    length = len(scores)
    weights = np.full((length + 1, length + 1), -np.inf)
    weights[:length, :length] = scores
    spread = float(scores.max() - scores.min()) + 1.0
    weights[:length, length] = scores.diagonal() - spread * (length + 1)
    np.fill_diagonal(weights, -np.inf)
    heads = _arborescence(weights)[:length]
    return np.where(heads == length, np.arange(length), heads)


def _arborescence(weights: NDArray[np.float64]) -> Heads:
    """(n,) the heads of the best arborescence from the last node, which has none (-1).

    weights: (n, n) of each node, by row, with each head, by column.
    """
    heads = weights[:-1].argmax(axis=1)
    cycle = _find_cycle(heads)
    if cycle is None:
        return np.append(heads, -1)
    inside = np.zeros(len(weights), dtype=bool)
    inside[cycle] = True
    others = np.flatnonzero(~inside)
    # The cycle as one node, in the first place: what it costs to enter it at its best node.
    gains = weights[np.ix_(cycle, others)] - weights[cycle, heads[cycle]][:, None]
    entered = gains.argmax(axis=0)
    left = weights[np.ix_(others, cycle)]
    left_from = left.argmax(axis=1)
    smaller = np.full((len(others) + 1, len(others) + 1), -np.inf)
    smaller[0, 1:] = gains.max(axis=0)
    smaller[1:, 0] = left.max(axis=1)
    smaller[1:, 1:] = weights[np.ix_(others, others)]
    found = _arborescence(smaller)
    result = np.append(heads, -1)
    into = found[0] - 1  # the head of the cycle, among the others
    result[cycle[entered[into]]] = others[into]
    from_cycle = found[1:] == 0
    own = found[1:] - 1
    result[others] = np.where(from_cycle, cycle[left_from], others[np.maximum(own, 0)])
    result[-1] = -1
    return result


def _find_cycle(heads: Heads) -> Heads | None:
    """The nodes of one cycle; None if all heads lead to the last node."""
    n = len(heads)
    state = np.zeros(n + 1, dtype=int).tolist()  # 0 not seen, else the number of the walk
    state[n] = -1
    steps = heads.tolist()
    for start in range(n):
        node = start
        while state[node] == 0:
            state[node] = start + 1
            node = steps[node]
        if state[node] == start + 1:
            cycle = [node]
            while steps[cycle[-1]] != node:
                cycle.append(steps[cycle[-1]])
            return np.asarray(cycle)
    return None
