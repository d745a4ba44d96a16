"""Whether the sentences of parsed Docs are trees, and projective."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.pipeline._parser_internals.nonproj import is_nonproj_arc, is_nonproj_tree
from spacy.tokens import Doc

_MANY = 1000  # Docs
_NO_HEAD = -1  # as spaCy's functions for projectivity have it
_OPEN, _BLANK = 0, -1  # in place of the relation of a token without a head; whitespace needs none

Numbers = NDArray[numpy.int64]
Flags = NDArray[numpy.bool_]


@dataclass(frozen=True)
class TreeCounts:
    """Numbers of sentences and arcs.

    complete: Sentences in which every token has a head, that leads to the one root.
    nonprojective: Those of them with an arc that is not projective.
    arcs: Tokens with a head that is another token, in all sentences.
    nonprojective_arcs: Those of them with a token between them and their head that the head does
        not dominate (Havelka 2007, https://aclanthology.org/P07-1077).
    not_one_root: Sentences with several roots, or with none though every token has a head.
    """

    complete: int = 0
    nonprojective: int = 0
    arcs: int = 0
    nonprojective_arcs: int = 0
    not_one_root: int = 0

    def __add__(self, other: TreeCounts) -> TreeCounts:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return TreeCounts(*(one + another for one, another in pairs))


class Trees:
    """The trees of Docs, counted for many at once: the arrays of one are too short to be fast.

    As spaCy begins a sentence at the left edge of each root, a sentence of a file that has two
    roots is two sentences of the Doc, unless their trees cross. Whitespace needs no head.

    doc: A Doc with a parse.
    """

    def __init__(self, doc: Doc | None = None) -> None:
        self._counted = TreeCounts()
        self._waiting = [] if doc is None else [_rows(doc)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Trees) and self.counts == other.counts

    def add(self, other: Trees) -> None:
        """Add the trees of another, which stays as it is."""
        self._counted += other._counted
        self._waiting += other._waiting
        if len(self._waiting) >= _MANY:
            self._count()

    @property
    def counts(self) -> TreeCounts:
        """The counts of all that were added."""
        if self._waiting:
            self._count()
        return self._counted

    def _count(self) -> None:
        self._counted += _count_trees(*numpy.concatenate(self._waiting).T)
        self._waiting = []


def _rows(doc: Doc) -> Numbers:
    """(n_tokens, 3): the relation, the offset of the head, and 1 where a sentence begins."""
    array: Any = doc.to_array(["DEP", "HEAD", "SENT_START"])
    rows: Numbers = array.view("int64")
    rows[:1, 2] = 1
    if not rows[:, 0].all():
        for i in numpy.flatnonzero(rows[:, 0] == _OPEN).tolist():
            rows[i, 0] = _BLANK if doc[i].text.isspace() else _OPEN
    return rows


def _count_trees(relations: Numbers, offsets: Numbers, begins: Numbers) -> TreeCounts:
    """The counts of Docs that stand one after another."""
    starts = numpy.flatnonzero(begins == 1)
    sentence = numpy.cumsum(begins == 1) - 1
    numbers = numpy.arange(len(relations))
    heads = numbers + offsets
    is_known = (relations != _OPEN) & (relations != _BLANK)
    is_root = is_known & (heads == numbers)
    ends = _ends(heads)
    is_circle = is_known[ends] & ~is_root[ends]
    is_led = is_root[ends] & (sentence[heads] == sentence)  # else the trees of two roots cross
    crossing = _nonprojective(numpy.where(is_known & ~is_circle, heads, _NO_HEAD), starts)
    flags = (is_root, relations == _OPEN, is_known & ~is_led, crossing)
    roots, n_open, astray, crossed = (numpy.bincount(sentence, each) for each in flags)
    complete = (roots == 1) & (n_open + astray == 0)
    return TreeCounts(
        complete=int(complete.sum()),
        nonprojective=int((complete & (crossed > 0)).sum()),
        arcs=int((is_known & ~is_root).sum()),
        nonprojective_arcs=int(crossing.sum()),
        not_one_root=int(((roots > 1) | (roots + n_open == 0)).sum()),
    )


def _ends(heads: Numbers) -> Numbers:
    """Where the way from each token by its heads ends: at one without another head, or anywhere
    in a circle."""
    for _ in range(len(heads).bit_length()):  # each time the way is twice as long
        heads = heads[heads]
    return heads


def _nonprojective(heads: Numbers, starts: Numbers) -> Flags:
    """Of each token, whether the arc to its head is not projective.

    heads: For each token, without circles; -1 where there is none.
    starts: The tokens at which sentences begin.
    """
    crossing = numpy.zeros(len(heads), dtype=bool)
    parts = _parts(heads, starts)
    sizes = numpy.diff(parts, append=len(heads))
    own = numpy.where(heads < 0, _NO_HEAD, heads - numpy.repeat(parts, sizes)).tolist()
    for start, end in pairwise([*parts.tolist(), len(heads)]):
        tree = own[start:end]
        if is_nonproj_tree(tree):
            crossing[start:end] = [is_nonproj_arc(i, tree) for i in range(end - start)]
    return crossing


def _parts(heads: Numbers, starts: Numbers) -> Numbers:
    """The starts of sentences over which no arc goes: all, but where trees of two roots cross."""
    numbers = numpy.arange(len(heads))
    heads = numpy.where(heads < 0, numbers, heads)
    left, right = numpy.minimum(heads, numbers), numpy.maximum(heads, numbers)
    n_begun, n_ended = (
        numpy.bincount(side + 1, minlength=len(heads) + 1) for side in (left, right)
    )
    n_above = numpy.cumsum(n_begun - n_ended)  # by token: arcs from left of it to it or beyond
    parts: Numbers = starts[n_above[starts] == 0]
    return parts
