"""Prediction in batches of about as many words, whatever the documents' lengths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from spacy.tokens import Doc

# Enough for arrays to pay, few enough to stay small: their memory does not grow with the texts.
WORDS = 16384


class WordBatchedPipe:
    """A `TrainablePipe` whose `pipe` goes by words. Put it before that class among the bases."""

    name: str

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Annotate a stream of documents, in their order.

        batch_size: documents in a batch at most. One with many words is shorter, see `WORDS`.
        If a batch raises an error, it goes with its documents to the error handler.
        """
        pipe: Any = self
        error_handler = pipe.get_error_handler()
        for docs in word_batches(stream, batch_size):
            try:
                pipe.set_annotations(docs, pipe.predict(docs))
                yield from docs
            except Exception as error:
                error_handler(self.name, self, docs, error)


def word_batches(stream: Iterable[Doc], n_docs: int, n_words: int = WORDS) -> Iterator[list[Doc]]:
    """Lists of consecutive documents, complete with `n_docs` of them or `n_words` words."""
    batch: list[Doc] = []
    words = 0
    for doc in stream:
        batch.append(doc)
        words += len(doc)
        if len(batch) >= n_docs or words >= n_words:
            yield batch
            batch, words = [], 0
    if batch:
        yield batch
