"""From documents to the pieces of a transformer's vocabulary, and back to tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import IDX, LENGTH
from spacy.tokens import Doc

# What Python and `token.is_space` take for white space; the last is the ideographic space.
_SPACES = np.asarray([code for code in range(0x3001) if chr(code).isspace()])


@dataclass(frozen=True)
class Pieces:
    """The pieces of a document's running text, and which of them each token has.

    ids: (n_pieces,) their numbers in the vocabulary, without special ones.
    first, end: (n_tokens,) each token's pieces are those from `first` up to `end`. Two tokens can
        share a piece; a token of white space, or of characters that the vocabulary's normalizer
        takes out, has none.
    """

    ids: NDArray[np.int64]
    first: NDArray[np.int64]
    end: NDArray[np.int64]


def split_docs(tokenizer: Any, docs: Sequence[Doc]) -> list[Pieces]:
    """The pieces of each document. tokenizer: of the library tokenizers."""
    return [_split(tokenizer, doc) for doc in docs]


def _split(tokenizer: Any, doc: Doc) -> Pieces:
    text = doc.text
    # One by one: a batch would be split by threads of its own, which do not survive a fork.
    found = tokenizer.encode(text, add_special_tokens=False)
    offsets = np.asarray(found.offsets, "int64").reshape(-1, 2)
    starts, ends = _without_leading_space(text, offsets[:, 0], offsets[:, 1])
    tokens = doc.to_array([IDX, LENGTH]).astype("int64").reshape(-1, 2)
    begins, lengths = tokens[:, 0], tokens[:, 1]
    first = np.searchsorted(ends, begins, side="right")
    end = np.searchsorted(starts, begins + lengths, side="left")
    return Pieces(np.asarray(found.ids, "int64"), first, np.maximum(first, end))


def _without_leading_space(
    text: str, starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offsets of the visible characters; several vocabularies count the space before a word."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "uint32")
    visible = ~np.isin(codes, _SPACES)
    places = np.arange(len(codes) + 1)
    places[:-1][~visible] = len(codes)
    next_visible = np.minimum.accumulate(places[::-1])[::-1]
    # Pieces of nothing but space end where they begin, and keep the order of all offsets.
    return np.minimum(next_visible[starts], ends), ends
