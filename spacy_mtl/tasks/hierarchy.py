"""The tree of a group's labels, and what documents say of its nodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import MTLError

Cells = NDArray[np.bool_]  # (n_docs, n_labels)


@dataclass(frozen=True)
class Siblings:
    """The nodes of one level, in sets of siblings.

    parents: (n_sets,) the parent of each set. children: (n_sets, widest) the nodes of each set,
        filled up with `Hierarchy.padding`.
    """

    parents: NDArray[np.int64]
    children: NDArray[np.int64]


class Hierarchy:
    """Labels as a tree: "sport/football" is below "sport".

    Its nodes are numbered as its labels; two more stand for what is above all (`root`), and for
    no node (`padding`), so that arrays over nodes have `n_nodes` = n_labels + 2 columns.

    labels: those given, and behind them their parents that are not. level: (n_labels,) from 1.
    is_leaf: (n_labels,) bool. paths: (n_labels, n_labels) bool, for each label itself and those
    above it. levels: the sets of siblings, from the top.

    separator: between the names of the levels. prefix: the beginning of labels that is no part of
        these names, as "topic=".
    RAISES (MTLError): If a label has an empty name on one of its levels.
    """

    def __init__(self, labels: Iterable[str], separator: str, prefix: str = "") -> None:
        self._split = separator, prefix
        self.labels = tuple(with_parents(labels, separator, prefix))
        self.place = {label: i for i, label in enumerate(self.labels)}
        n = len(self.labels)
        self.root, self.padding, self.n_nodes = n, n + 1, n + 2
        above = [[self.place[each] for each in self._above(label)] for label in self.labels]
        self.level = np.asarray([len(each) + 1 for each in above], dtype="int64")
        self.parent = np.asarray([each[-1] if each else n for each in above], dtype="int64")
        self.is_leaf = ~np.isin(np.arange(n), self.parent)
        self.paths = np.eye(n, dtype=bool)
        for node, each in enumerate(above):
            self.paths[node, each] = True
        self.levels = [self._siblings(depth) for depth in range(1, self.level.max(initial=0) + 1)]

    @property
    def leaves(self) -> tuple[str, ...]:
        """The labels that have none below them."""
        return tuple(np.asarray(self.labels, dtype=object)[self.is_leaf])

    @property
    def is_flat(self) -> bool:
        """Whether no label is below another one."""
        return len(self.levels) < 2

    def _above(self, label: str) -> list[str]:
        return names_above(label, *self._split)

    def _siblings(self, depth: int) -> Siblings:
        nodes = np.flatnonzero(self.level == depth)
        nodes = nodes[np.argsort(self.parent[nodes], kind="stable")]
        parents, rows, sizes = np.unique(
            self.parent[nodes], return_inverse=True, return_counts=True
        )
        children = np.full((len(parents), sizes.max()), self.padding)
        starts = np.cumsum(sizes) - sizes
        children[rows, np.arange(len(nodes)) - starts[rows]] = nodes
        return Siblings(parents, children)

    def nearest(self, label: str) -> int | None:
        """The lowest label above one that is not in the tree, None if there is none."""
        found = [self.place[each] for each in self._above(label) if each in self.place]
        return found[-1] if found else None

    def upwards(self, cells: Cells) -> Cells:
        """Whether it is so of the node, or of one below it."""
        found = self._nodes(cells)
        for each in reversed(self.levels):
            found[:, each.parents] |= found[:, each.children].any(axis=2)
        return found[:, : self.root]

    def downwards(self, cells: Cells) -> Cells:
        """Whether it is so of the node, or of one above it."""
        found = self._nodes(cells)
        for each in self.levels:
            found[:, each.children] |= found[:, each.parents, None]
        return found[:, : self.root]

    def among_siblings(self, cells: Cells) -> Cells:
        """Whether it is so of the node, or of a sibling."""
        given = self._nodes(cells)
        found = given.copy()  # all sets share the padding, so that it is not read after a write
        for each in self.levels:
            found[:, each.children] = given[:, each.children].any(axis=2, keepdims=True)
        return found[:, : self.root]

    def _nodes(self, cells: Cells) -> Cells:
        nodes = np.zeros((len(cells), self.n_nodes), dtype=bool)
        nodes[:, : self.root] = cells
        return nodes

    def choices(self, known: Cells) -> Cells:
        """Which labels there are for a corpus that knows these: the known ones of each set of
        siblings, and all of a set of which it knows none, as it has nothing to say about them."""
        return known | ~self.among_siblings(known)

    def reachable(self, known: Cells) -> Cells:
        """The labels of which all on the path are `choices`."""
        return ~self.downwards(~self.choices(known))

    def is_path(self, applies: Cells) -> NDArray[np.bool_]:
        """(n_docs,) whether labels are none, or one label and some of those above it."""
        path = self.upwards(applies)
        deepest = (path * self.level).max(axis=1, initial=0)
        same: NDArray[np.bool_] = path.sum(axis=1) == deepest
        return same

    def any_of(self, applies: Cells, denied: Cells) -> NDArray[np.float32]:
        """What documents with any number of labels say, (n_docs, n_labels), of each label 1 or 0,
        NaN where nothing follows.

        A label applies where one below it does, whatever is said of itself, and does not apply
        below one that does not.
        """
        path = self.upwards(applies)
        return _values(path, self.downwards(denied & ~path))

    def one_of(
        self, applies: Cells, denied: Cells, known: Cells | None = None
    ) -> NDArray[np.float32]:
        """What documents say that have one leaf, and the labels above it; else as `any_of`.

        The siblings of a label that applies do not. Denials that leave no leaf below the labels
        that apply are not counted: they fill up a document that names one label. known: what
        each document's corpus knows; None for all.
        """
        path = self.upwards(applies)
        others = self.among_siblings(path) & ~path
        leaves = self.is_leaf if known is None else self.is_leaf & self.reachable(known)
        left = leaves & ~self.downwards(others | (denied & ~path))
        denied = denied & left.any(axis=1, keepdims=True)
        return _values(path, self.downwards(others | (denied & ~path)))


def _values(applies: Cells, denied: Cells) -> NDArray[np.float32]:
    return np.where(applies, 1.0, np.where(denied, 0.0, np.nan)).astype("float32")


def names_above(label: str, separator: str, prefix: str = "") -> list[str]:
    """The labels above one, from the top.

    RAISES (MTLError): If it has an empty name on one of its levels.
    """
    start = len(prefix) if label.startswith(prefix) else 0
    names = label[start:].split(separator)
    if not all(names):
        raise MTLError(
            f'Expected a name on each level of a label with `hierarchy = "{separator}"`, got '
            f"'{label}'. Rename it, or choose another separator."
        )
    return [label[:start] + separator.join(names[:end]) for end in range(1, len(names))]


def with_parents(labels: Iterable[str], separator: str, prefix: str = "") -> list[str]:
    """These labels, and behind them those above them that are missing."""
    labels = list(labels)
    above = [name for label in labels for name in names_above(label, separator, prefix)]
    return list(dict.fromkeys([*labels, *above]))
