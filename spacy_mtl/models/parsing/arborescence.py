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
    n, length = heads.shape
    words = (heads + length * np.arange(n)[:, None]).ravel()  # numbers in all sentences together
    reached = words
    for _ in range(max(length - 1, 1).bit_length()):  # twice as far each time
        reached = reached[reached]
    at_root = (words[reached] == reached).reshape(n, length)
    tree: NDArray[np.bool_] = at_root.all(axis=1)
    return tree & ((heads == np.arange(length)).sum(axis=1) == 1)


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
    if len(words) == 1:
        return words
    weights = scores.astype("float64")
    np.fill_diagonal(weights, -np.inf)
    heads = weights.argmax(axis=1)
    best = weights[words, heads]
    rows, choices = list(weights - best[:, None]), heads.tolist()
    bounds = scores.diagonal() - best + best.sum()
    highest, found = -np.inf, choices
    for root in np.argsort(-bounds).tolist():
        if bounds[root] <= highest:
            break
        nodes = _Nodes(rows, choices, root)
        if nodes.connect(bounds[root] - highest):
            highest, found = bounds[root] - nodes.lost, nodes.tree()
    return np.asarray(found)


class _Nodes:
    """What becomes the maximum arborescence from a root.

    The algorithm of Chu and Liu (1965) and Edmonds (1967): each node takes its best head, and a
    circle of nodes becomes one node, until there is none. Nodes are the words, and after them what
    circles became. Their heads are words, in whatever node these are by then.

    rows: of each node, (length,) what it loses with each word as its head, 0 with the best one,
        below 0 with others. heads: of each node. lost: by what circles had to give up.
    """

    def __init__(self, rows: list[NDArray[np.float64]], heads: list[int], root: int) -> None:
        self._n = len(heads)
        self._root = root
        self._rows, self._heads = rows.copy(), heads.copy()
        self._heads[root] = root
        self._node_of = list(range(self._n))  # of each word
        self._words = [[word] for word in self._node_of]  # of each node
        self._circles: list[list[int]] = []
        self.lost = 0.0

    def connect(self, most: float) -> bool:
        """Connect all words to the root; False where at least `most` is lost by it."""
        done = {self._root}
        for word in range(self._n):
            path: list[int] = []
            node = self._node_of[word]
            while node not in done:
                if node in path:
                    begin = path.index(node)
                    node = self._merge(path[begin:])
                    del path[begin:]
                    if self.lost >= most:
                        return False
                path.append(node)
                node = self._node_of[self._heads[node]]
            done.update(path)
        return True

    def _merge(self, circle: list[int]) -> int:
        """Make a circle one node with the best head that it can have."""
        words = [word for node in circle for word in self._words[node]]
        row = np.maximum.reduce([self._rows[node] for node in circle])
        row[words] = -np.inf
        head = int(row.argmax())
        self.lost -= float(row[head])
        merged = len(self._rows)
        for word in words:
            self._node_of[word] = merged
        self._rows.append(row - row[head])
        self._heads.append(head)
        self._words.append(words)
        self._circles.append(circle)
        return merged

    def tree(self) -> list[int]:
        """The head of each word, its own for the root: of each circle one node, where that loses
        least, gets the circle's head."""
        heads = self._heads.copy()
        for circle in reversed(self._circles):
            head = heads.pop()
            heads[max(circle, key=lambda node: self._rows[node][head])] = head
        return heads
