"""Running an encoder, whatever it is: spaCy's, a transformer's, or one of your own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.types import Floats2d

Encoder = Model[list[Doc], list[Floats2d]]


def encode_docs(
    encoder: Encoder, docs: Sequence[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], Any]]:
    """(n_tokens, width) vectors of each document, and the encoder's backward.

    A batch without tokens does not reach the encoder: several kinds of it, among them a
    transformer's listener, cannot take one.
    """
    docs = list(docs)
    if any(len(doc) for doc in docs):
        return encoder(docs, is_train)
    return [no_vectors(encoder, docs) for _ in docs], _no_gradient


def no_vectors(encoder: Encoder, docs: Sequence[Doc]) -> Floats2d:
    """(0, width) the vectors of no tokens."""
    return encoder.ops.alloc2f(0, _width(encoder, docs))


def _width(encoder: Encoder, docs: Sequence[Doc]) -> int:
    if encoder.has_dim("nO"):
        return encoder.get_dim("nO")
    vocab = docs[0].vocab if docs else Vocab()
    return int(encoder.predict([Doc(vocab, words=["a"])])[0].shape[1])


def _no_gradient(d_vectors: Any) -> list[Doc]:
    return []
