"""The representation of a batch: all tokens of all documents in one matrix."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.types import Floats2d

T = TypeVar("T")


@dataclass(frozen=True)
class Packed:
    """Token vectors of a batch of documents, one below the other.

    X: (n_tokens, width), on the device of the model.
    lengths: (n_docs,) tokens per document, on the host; zero for empty documents.
    docs: the documents, for heads that look at more than the vectors.
    notes: what heads and tasks have found out about the batch, so that the next need not.
    """

    X: Floats2d
    lengths: NDArray[np.int32]
    docs: list[Doc]
    notes: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, what: Hashable, compute: Callable[[], T]) -> T:
        """What `compute` gave at the first call with `what`, to be read only."""
        if what not in self.notes:
            self.notes[what] = compute()
        found: T = self.notes[what]
        return found

    def attributes(self, *attrs: str) -> NDArray[np.uint64]:
        """(n_tokens, n_attrs) attributes of all tokens, as they are at the first call."""
        return self.once(attrs, lambda: token_attributes(self.docs, attrs))


def doc_lengths(docs: list[Doc]) -> NDArray[np.int32]:
    """(n_docs,) the number of tokens of each document."""
    return np.asarray([len(doc) for doc in docs], dtype="int32")


def token_attributes(docs: Sequence[Any], attrs: Sequence[str | int]) -> NDArray[np.uint64]:
    """(n_tokens, n_attrs) attributes of the tokens of all documents, or spans."""
    wanted = list(attrs)
    parts = [np.zeros((0, len(wanted)), dtype="uint64")]
    parts += [doc.to_array(wanted).reshape(len(doc), len(wanted)) for doc in docs]
    return np.concatenate(parts)


def row_starts(lengths: NDArray[np.int32]) -> NDArray[np.int64]:
    """(n_docs,) the row at which each document of these `lengths` begins."""
    ends = np.cumsum(lengths, dtype=np.int64)
    return ends - lengths
