"""The documents that a model is initialized with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

SIZE = 10


def sample_docs(get_examples: Callable[[], Iterable[Example]], vocab: Vocab) -> list[Doc]:
    """The first documents with tokens, from which layers infer their sizes; one of a single word
    if there are none, as encoders need not take batches without tokens."""
    filled = (example.x for example in get_examples() if len(example.x))
    return list(islice(filled, SIZE)) or [Doc(vocab, words=["a"])]
