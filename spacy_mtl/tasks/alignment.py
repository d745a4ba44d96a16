"""Annotation of the reference document, on the tokens of the predicted one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from spacy.training import Example


def same_tokens(example: Example) -> bool:
    """Whether both sides of the example have the same tokens, so that no alignment is needed."""
    x, y = example.predicted, example.reference
    return len(x) == len(y) and bool((x.to_array("ORTH") == y.to_array("ORTH")).all())


def aligned_attribute(example: Example, attr: str) -> NDArray[np.uint64]:
    """(n_tokens,) hashes of a token attribute of the reference, 0 where it says nothing.

    A predicted token gets the value of the reference tokens that cover it if they agree.
    """
    if same_tokens(example):
        return example.reference.to_array(attr).astype("uint64")
    aligned = example.get_aligned(attr)
    return np.asarray([value or 0 for value in aligned], dtype="uint64")


def index_of(values: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.int32]:
    """The place of each value in `known`, -1 where it is not there."""
    if not len(known):
        return np.full(len(values), -1, dtype="int32")
    order = np.argsort(known)
    place = np.minimum(np.searchsorted(known[order], values), len(known) - 1)
    found = order[place]
    return np.where(known[found] == values, found, -1).astype("int32")
