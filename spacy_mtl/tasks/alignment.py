"""Annotation of the reference document, on the tokens of the predicted one."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import MTLError

# By reference: what was aligned, from which arrays, and the result.
_ALIGNED: WeakKeyDictionary[Doc, dict[Hashable, tuple[list[Any], Any]]] = WeakKeyDictionary()


def same_tokens(example: Example) -> bool:
    """Whether both sides of the example have the same tokens, so that no alignment is needed."""
    x, y = example.predicted, example.reference
    return len(x) == len(y) and bool((x.to_array("ORTH") == y.to_array("ORTH")).all())


def require_same_tokens(example: Example) -> None:
    """RAISES (MTLError): If the sides of the example have other tokens."""
    if not same_tokens(example):
        raise MTLError(
            "Expected a prediction on the tokens of the reference, got other tokens in "
            f"'{example.reference.text[:40]}'. Annotate the reference's own tokens."
        )


def single_tokens(alignment: Any) -> NDArray[np.int64]:
    """(n,) the one token of the other side that each is aligned to, -1 if none is, or several.

    alignment: spaCy's `Alignment.x2y` or `y2x`.
    """
    found = np.full(len(alignment.lengths), -1, dtype="int64")
    one = alignment.lengths == 1
    found[one] = alignment.data[(np.cumsum(alignment.lengths) - 1)[one]]
    return found


def aligned_attribute(example: Example, attr: str) -> NDArray[np.uint64]:
    """(n_tokens,) hashes of a token attribute of the reference, 0 where it says nothing.

    A predicted token gets the value of the reference tokens that cover it if they agree.
    """
    gold = example.reference.to_array(attr)
    if same_tokens(example):
        return gold.astype("uint64")

    def align() -> NDArray[np.uint64]:
        return np.asarray([value or 0 for value in example.get_aligned(attr)], dtype="uint64")

    return once_aligned(example, attr, gold, align)


def once_aligned(
    example: Example, what: Hashable, gold: NDArray, align: Callable[[], NDArray]
) -> NDArray:
    """What `align` gives, remembered for as long as the reference lives.

    spaCy aligns token by token, and each update anew. gold: (n, ...) the annotation that is
    aligned; where it or the tokens have changed, it is aligned again.
    """
    sides = (example.predicted, example.reference)
    sources = [gold, *(doc.to_array("ORTH") for doc in sides)]
    known = _ALIGNED.setdefault(example.reference, {})
    before, aligned = known.get(what, ([], None))
    if not before or not all(map(np.array_equal, before, sources)):
        aligned = align()
        known[what] = (sources, aligned)
    return aligned


def index_of(values: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.int32]:
    """The place of each value in `known`, -1 where it is not there."""
    if not len(known):
        return np.full(len(values), -1, dtype="int32")
    order = np.argsort(known)
    place = np.minimum(np.searchsorted(known[order], values), len(known) - 1)
    found = order[place]
    return np.where(known[found] == values, found, -1).astype("int32")
