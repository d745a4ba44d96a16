"""Whether the sentences of parsed Docs are trees, and projective."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.pipeline._parser_internals.nonproj import is_nonproj_arc, is_nonproj_tree
from spacy.tokens import Doc

_NO_HEAD = -1  # as spaCy's functions for projectivity have it

Numbers = NDArray[numpy.int64]


@dataclass(frozen=True)
class Trees:
    """Counts of sentences and arcs.

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

    def __add__(self, other: Trees) -> Trees:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Trees(*(one + another for one, another in pairs))


def count_trees(doc: Doc) -> Trees:
    """The trees of a Doc with a parse. Whitespace needs no head.

    As spaCy begins a sentence at the left edge of each root, a sentence of a file that has two
    roots is two sentences of the Doc, unless their trees cross.
    """
    labels, offsets, begins = _columns(doc)
    begins[0] = 1
    starts = numpy.flatnonzero(begins == 1)
    numbers = numpy.arange(len(doc))
    heads = numbers + offsets
    is_known = labels != 0
    is_root = is_known & (heads == numbers)
    ends = _ends(heads)
    is_led = is_known & is_root[ends]
    sentence = numpy.cumsum(begins == 1)
    is_inside = sentence[heads] == sentence  # but where the trees of two roots cross
    is_open = ~is_known
    is_open[is_open] = [not doc[i].text.isspace() for i in numpy.flatnonzero(is_open).tolist()]
    parts = starts if is_inside.all() else starts[:1]
    is_circle = is_known[ends] & ~is_root[ends]
    crossing = _nonprojective(numpy.where(is_known & ~is_circle, heads, _NO_HEAD), parts)
    flags = numpy.stack((is_root, is_open, is_known & ~(is_led & is_inside), crossing))
    roots, n_open, astray, crossed = numpy.add.reduceat(flags, starts, axis=1, dtype="int64")
    complete = (roots == 1) & (n_open + astray == 0)
    return Trees(
        complete=_count(complete),
        nonprojective=_count(complete & (crossed > 0)),
        arcs=_count(is_known & ~is_root),
        nonprojective_arcs=_count(crossing),
        not_one_root=_count((roots > 1) | (roots + n_open == 0)),
    )


def _count(flags: NDArray[numpy.bool_]) -> int:
    return int(numpy.count_nonzero(flags))


def _columns(doc: Doc) -> Numbers:
    """(3, n_tokens): relations, offsets of heads, and where sentences begin."""
    array: Any = doc.to_array(["DEP", "HEAD", "SENT_START"])
    columns: Numbers = array.view("int64").T.copy()
    return columns


def _ends(heads: Numbers) -> Numbers:
    """Where the way from each token by its heads ends: at one without another head, or anywhere
    in a circle."""
    for _ in range(len(heads).bit_length()):  # each time the way is twice as long
        heads = heads[heads]
    return heads


def _nonprojective(heads: Numbers, parts: Numbers) -> NDArray[numpy.bool_]:
    """Of each token, whether the arc to its head is not projective.

    heads: For each token, without circles; -1 where there is none.
    parts: Where parts begin that no arc leaves, the first at 0: spaCy's functions copy all heads
        that they are given, for each arc.
    """
    crossing = numpy.zeros(len(heads), dtype=bool)
    if not is_nonproj_tree(heads.tolist()):
        return crossing
    for start, end in pairwise([*parts.tolist(), len(heads)]):
        tree = numpy.where(heads[start:end] < 0, _NO_HEAD, heads[start:end] - start).tolist()
        if is_nonproj_tree(tree):
            crossing[start:end] = [is_nonproj_arc(i, tree) for i in range(end - start)]
    return crossing
