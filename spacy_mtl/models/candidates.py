"""Candidate spans of a batch, as spaCy's suggesters propose them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray
from spacy.pipeline.spancat import ngram_suggester
from spacy.tokens import Doc
from thinc.api import NumpyOps, to_numpy
from thinc.types import Ragged

from ..errors import MTLError
from .packed import Packed, doc_lengths, row_starts


class MissingSpans(MTLError):
    """A suggester needs a span group that a document lacks."""


Suggester = Callable[..., Ragged]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """Spans of a batch, those of the first document first, on the host.

    starts, ends: (n_candidates,) the row of the first token of each in `Packed.X`, and the row
        after its last.
    lengths: (n_docs,) how many each document has.
    """

    starts: Rows
    ends: Rows
    lengths: Rows

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def doc_of(self) -> Rows:
        """(n_candidates,) the number of the document that each is in."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)


def candidates_of(packed: Packed, suggester: Suggester) -> Candidates:
    """Those of a packed batch; the suggester is asked once."""
    return packed.once(("candidates", id(suggester)), lambda: suggest(suggester, packed.docs))


def suggest(suggester: Suggester, docs: Sequence[Doc]) -> Candidates:
    """What a suggester proposes for these documents.

    It gets arrays of the host, whatever the model's device.
    RAISES (MTLError): If it needs a span group that a document lacks, or gives anything else than
        the start and end of spans of these documents.
    """
    n_tokens = doc_lengths(list(docs))
    if (sizes := _ngram_sizes(suggester)) is not None:
        return _ngrams(n_tokens, sizes)
    try:
        found = suggester(docs, ops=NumpyOps())
    except KeyError as error:
        raise MissingSpans(
            f"Expected documents with what the suggester of candidates needs, got some without "
            f"{error}. If it is a span group that another component sets, put that before this one "
            "in the pipeline, and name it in `annotating_components` of [training]."
        ) from error
    lengths = to_numpy(found.lengths).astype("int64")
    spans = to_numpy(found.dataXd).reshape(-1, 2).astype("int64")
    if len(lengths) != len(docs) or lengths.sum() != len(spans):
        raise MTLError(
            f"Expected of a suggester candidates for each of {len(docs)} documents, got "
            f"{len(spans)} with lengths for {len(lengths)} documents."
        )
    doc_of = np.repeat(np.arange(len(docs)), lengths)
    starts, ends = spans[:, 0], spans[:, 1]
    wrong = (starts < 0) | (ends <= starts) | (ends > n_tokens[doc_of])
    if wrong.any():
        start, end = spans[wrong][0].tolist()
        raise MTLError(
            "Expected of a suggester spans of tokens of the document, got one from "
            f"{start} to {end} in a document of {n_tokens[doc_of][wrong][0]} tokens."
        )
    offsets = row_starts(n_tokens)[doc_of]
    return Candidates(starts + offsets, ends + offsets, lengths)


def _ngram_sizes(suggester: Suggester) -> Rows | None:
    """The sizes of spaCy's suggester of n-grams, None if it is another one."""
    if not isinstance(suggester, partial) or suggester.func is not ngram_suggester:
        return None
    sizes = np.asarray(suggester.keywords.get("sizes", []), dtype="int64")
    return sizes if (sizes > 0).all() and not suggester.args else None


def _ngrams(n_tokens: NDArray[np.int32], sizes: Rows) -> Candidates:
    """What spaCy's `ngram_suggester` gives, in the same order, for all documents at once: it makes
    arrays for each document and size, which was measured to take 30 times as long."""
    n = np.maximum(n_tokens[:, None].astype("int64") - sizes + 1, 0)
    counts = n.ravel()
    first = np.repeat(np.cumsum(counts) - counts, counts)
    within = np.arange(len(first)) - first
    starts = within + np.repeat(row_starts(n_tokens), n.sum(axis=1))
    ends = starts + np.repeat(np.tile(sizes, len(n_tokens)), counts)
    return Candidates(starts, ends, n.sum(axis=1))
