"""The representation of a batch: all tokens of all documents in one matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.types import Floats2d


@dataclass(frozen=True)
class Packed:
    """Token vectors of a batch of documents, one below the other.

    X: (n_tokens, width), on the device of the model.
    lengths: (n_docs,) tokens per document, on the host; zero for empty documents.
    docs: the documents, for heads that look at more than the vectors.
    """

    X: Floats2d
    lengths: NDArray[np.int32]
    docs: list[Doc]


def doc_lengths(docs: list[Doc]) -> NDArray[np.int32]:
    """(n_docs,) the number of tokens of each document."""
    return np.asarray([len(doc) for doc in docs], dtype="int32")


def row_starts(lengths: NDArray[np.int32]) -> NDArray[np.int64]:
    """(n_docs,) the row at which each document of these `lengths` begins."""
    ends = np.cumsum(lengths, dtype=np.int64)
    return ends - lengths
