"""The tokens of a batch as arrays, with their texts where these are needed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Forms:
    """The tokens of documents, one after the other.

    ends: the number of tokens up to the end of each document. orth, is_space: (n_tokens,) the hash
    of each token's text, and whether it is whitespace.
    """

    docs: Sequence[Doc]
    ends: list[int]
    orth: NDArray[np.uint64]
    is_space: NDArray[np.bool_]

    @classmethod
    def of(cls, docs: Sequence[Doc]) -> Forms:
        """Those of a batch."""
        ends = [*accumulate(map(len, docs))]
        return cls(docs, ends, _attribute(docs, "ORTH"), _attribute(docs, "IS_SPACE") != 0)

    @cached_property
    def kind(self) -> NDArray[np.int64]:
        """(n_tokens,) a number from 0 on of each token's text, the same for the same text."""
        return numbered(self.orth)

    def attribute(self, name: str) -> NDArray[np.uint64]:
        """(n_tokens,) an attribute, as `Doc.to_array` has it."""
        return _attribute(self.docs, name)

    def document(self, token: int) -> int:
        """The number of a token's document."""
        return bisect_right(self.ends, token)

    def text(self, token: int) -> str:
        """The text of a token."""
        doc = self.docs[self.document(token)]
        return doc.vocab.strings[int(self.orth[token])]


def _attribute(docs: Sequence[Doc], name: str) -> NDArray[np.uint64]:
    none = np.zeros(0, dtype="uint64")
    return np.concatenate([none, *(doc.to_array(name).reshape(-1) for doc in docs)])


def numbered(values: NDArray[Any]) -> NDArray[np.int64]:
    """(n,) numbers from 0 on, the same for the same value."""
    numbers: NDArray[np.int64] = np.unique(values, return_inverse=True)[1]
    return numbers


def distinct_rows(table: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of the rows of a table are the first of their kind.

    table: (n, n_columns) of integers from 0 on.
    Returns (n_kinds,) the number of the first row of each kind, and (n,) the kind of each row.
    """
    key, n_keys = np.zeros(len(table), dtype="int64"), 1  # a row as one number
    for column in table.T:
        size = int(column.max(initial=0)) + 1
        if n_keys * size > _LARGEST:
            key = numbered(key)
            n_keys = len(table)
        key = key * size + column
        n_keys *= size
    _, first, kind = np.unique(key, return_index=True, return_inverse=True)
    return first, kind
