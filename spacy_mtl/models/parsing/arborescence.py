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


def best_heads(xp: Any, scores: Any) -> Any:
    """(n, length) the best heads of each sentence's words with one root, be they a tree or not.

    scores: (n, length, length) of each word, by row, with each head, by column; on the diagonal
        that of the word as the root.

    Where they are a tree, it is the best one.
    """
    words = xp.arange(scores.shape[1])
    others = scores.copy()
    others[:, words, words] = -xp.inf
    heads = others.argmax(axis=2)
    gain = scores[:, words, words] - others.max(axis=2)
    root = gain.argmax(axis=1)
    heads[xp.arange(len(scores)), root] = root
    return heads


def best_tree(scores: NDArray[Any]) -> Heads:
    """(length,) the heads of the tree with one root that has the highest sum of scores.

    scores: (length, length), as those of `best_heads`.

    Roots are tried in the order of the best sum that is possible with them, as long as it could
    still be the highest.
    """
    words = np.arange(len(scores))
    weights = scores.astype("float64")
    np.fill_diagonal(weights, -np.inf)
    best = weights.max(axis=1) if len(words) > 1 else np.zeros(1)
    bounds = scores.diagonal() - best + best.sum()
    highest, found = -np.inf, words
    for root in np.argsort(-bounds).tolist():
        if bounds[root] <= highest:
            break
        heads = _arborescence(weights, root)
        total = scores[words, heads].sum(dtype="float64")
        if total > highest:
            highest, found = total, heads
    return found


def _arborescence(weights: NDArray[np.float64], root: int) -> Heads:
    """(length,) the heads of the maximum arborescence from a root, its own for the root.

    weights: (length, length) of each node, by row, with each head, by column.

    The algorithm of Chu and Liu (1965) and Edmonds (1967): each node takes its best head, and a
    circle becomes one node, the first of it, until there is none.
    """
    weights = weights.copy()
    heads = weights.argmax(axis=1)
    heads[root] = root
    merged: list[tuple[Heads, Heads, Heads, Heads]] = []
    state = ["new"] * len(heads)
    state[root] = "done"
    for start in range(len(heads)):
        path: list[int] = []
        node = start
        while state[node] != "done":
            if state[node] == "new":
                state[node] = "path"
                path.append(node)
            else:
                circle = path[path.index(node) :]
                merged.append(_merge(weights, heads, np.asarray(circle)))
                for inner in circle[1:]:
                    state[inner] = "done"
                del path[len(path) - len(circle) + 1 :]
            node = int(heads[node])
        for each in path:
            state[each] = "done"
    for circle_nodes, inside, entered, left in reversed(merged):
        _split(heads, circle_nodes, inside, entered, left)
    return heads


def _merge(
    weights: NDArray[np.float64], heads: Heads, circle: Heads
) -> tuple[Heads, Heads, Heads, Heads]:
    """Make a circle one node, in place, with the best head that it can have.

    Returns the circle, the heads in it, by which of its nodes it is entered from each head, and
    which of its nodes is the best head of each other one.
    """
    node, inside = circle[0], heads[circle].copy()
    gains = weights[circle] - weights[circle, inside][:, None]
    entered = gains.argmax(axis=0)
    left = weights[:, circle].argmax(axis=1)
    weights[node] = gains.max(axis=0)
    weights[:, node] = weights[np.arange(len(heads)), circle[left]]
    weights[:, circle[1:]] = -np.inf
    weights[node, node] = -np.inf
    within = np.zeros(len(heads), dtype=bool)
    within[circle] = True
    heads[within[heads]] = node
    heads[node] = weights[node].argmax()
    return circle, inside, entered, left


def _split(heads: Heads, circle: Heads, inside: Heads, entered: Heads, left: Heads) -> None:
    """Give the nodes of a circle their own heads again, in place."""
    node = circle[0]
    head = heads[node]
    others = np.flatnonzero(heads == node)
    heads[others] = circle[left[others]]
    heads[circle] = inside
    heads[circle[entered[head]]] = head
