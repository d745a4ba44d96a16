"""Edit trees as labels: each is written as text, and applied to forms.

A tree says how a form becomes its lemma. It keeps the longest part that both have in common, and
rewrites what stands before and behind it, each by a tree of its own; where there is nothing in
common, the form is replaced as a whole. (Chrupała 2008, https://doras.dcu.ie/550; Müller et al.
2015, https://aclanthology.org/D15-1272) They are spaCy's own, of `trainable_lemmatizer`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from spacy.pipeline._edit_tree_internals.edit_trees import EditTrees
from spacy.strings import StringStore

from ..errors import MTLError

_NO_TREE = 2**32 - 1  # spaCy's number for no tree
# A part that is kept has no tree; [6,0,tree,tree] keeps what is between 6 and 0 characters.
Nested = list[Any] | None


class TreeLabels:
    """Edit trees, each with the label that is its text, and a column by their order.

    labels: a tree is JSON without blanks: `["went","go"]` replaces a form; `[0,2,null,["ed",""]]`
        keeps all but its first 0 and its last 2 characters, and rewrites these two parts by a tree
        each; null changes nothing, of a part that may be empty.
    """

    def __init__(self, labels: Iterable[str]) -> None:
        """RAISES (MTLError): If one of the labels is no tree."""
        self._strings = StringStore()
        self._trees = EditTrees(self._strings)
        nodes = _Nodes(self._strings)
        numbers = dict.fromkeys(nodes.add(_parsed(label)) for label in labels)
        self._trees.from_json(nodes.found)
        self._numbers = list(numbers)
        self._columns = {number: column for column, number in enumerate(numbers)}
        self.labels = tuple(map(self._text, numbers))

    def column(self, form: str, lemma: str) -> int:
        """That of the tree that makes the lemma of the form, -1 if there is no such label."""
        return self._columns.get(self._trees.add(form, lemma), -1)

    def label(self, form: str, lemma: str) -> str:
        """The tree that makes the lemma of the form, be it one of the labels or not."""
        return self._text(self._trees.add(form, lemma))

    def apply(self, column: int, form: str) -> str:
        """The lemma that a tree makes of a form, "" where it does not apply to it."""
        return self._trees.apply(self._numbers[column], form) or ""

    def _text(self, number: int) -> str:
        return json.dumps(self._nested(number), ensure_ascii=False, separators=(",", ":"))

    def _nested(self, number: int) -> Nested:
        if number == _NO_TREE:
            return None
        node = self._trees[number]
        if "orig" in node:
            return [self._strings[node["orig"]], self._strings[node["subst"]]]
        parts = (self._nested(node[f"{side}_tree"]) for side in ("prefix", "suffix"))
        return [node["prefix_len"], node["suffix_len"], *parts]


class _Nodes:
    """Trees and their parts as spaCy has them: each once, those of others by their numbers."""

    def __init__(self, strings: StringStore) -> None:
        self.found: list[dict[str, int]] = []
        self._strings = strings
        self._numbers: dict[tuple[int, ...], int] = {}

    def add(self, tree: Nested) -> int:
        """The number of a tree."""
        if tree is None:
            return _NO_TREE
        if len(tree) == 2:
            return self._number(["orig", "subst"], [self._strings.add(text) for text in tree])
        names = ["prefix_len", "suffix_len", "prefix_tree", "suffix_tree"]
        return self._number(names, [*tree[:2], *map(self.add, tree[2:])])

    def _number(self, names: list[str], values: list[int]) -> int:
        key = tuple(values)
        if key not in self._numbers:
            self._numbers[key] = len(self.found)
            self.found.append(dict(zip(names, values, strict=True)))
        return self._numbers[key]


def _parsed(label: str) -> Nested:
    try:
        tree: Nested = json.loads(label)
        is_tree = tree is not None and _is_tree(tree)
    except (ValueError, RecursionError):
        is_tree = False
    if not is_tree:
        raise MTLError(
            'Expected as a label an edit tree such as `[0,2,null,["ed",""]]` or `["went","go"]`, '
            f"got `{label:.60}`. Let `initialize` or `spacy init labels` find the labels."
        )
    return tree


def _is_tree(tree: Any) -> bool:
    """Whether what JSON has is a tree, or null for none."""
    if tree is None:
        return True
    if not isinstance(tree, list) or len(tree) not in (2, 4):
        return False
    if len(tree) == 2:
        return all(isinstance(text, str) for text in tree)
    lengths, parts = tree[:2], tree[2:]
    return all(type(n) is int and 0 <= n < _NO_TREE for n in lengths) and all(map(_is_tree, parts))
