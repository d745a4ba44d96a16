"""The order in which documents are drawn from several corpora."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from spacy.training import Example

from .minibatches import WordBatches
from .streams import CorpusStream

Drawn = Iterable[tuple[int, Example]]  # documents, with the number of their corpus


def in_random_order(
    streams: Sequence[CorpusStream], draws: Sequence[int], rng: np.random.Generator, whole: bool
) -> Drawn:
    """So many documents of each corpus, every order of them as likely.

    whole: whether all may be drawn at once; otherwise those of one corpus come in its own order.
    """
    order = rng.permutation(sum(draws))
    if whole:
        drawn = [(i, next(streams[i])) for i, n in enumerate(draws) for _ in range(n)]
        return (drawn[place] for place in order)
    numbers = np.repeat(np.arange(len(draws)), draws)
    return ((i, next(streams[i])) for i in numbers[order].tolist())


def in_turn(streams: Sequence[CorpusStream], draws: Sequence[int]) -> Drawn:
    """A document of each corpus in turn, until each has given so many."""
    for turn in range(max(draws)):
        for number, n in enumerate(draws):
            if turn < n:
                yield number, next(streams[number])


def batches_in_turn(
    streams: Sequence[CorpusStream],
    gathers: Sequence[WordBatches],
    n_documents: int,
    limits: Sequence[int],
) -> Iterator[list[Example]]:
    """A batch of each corpus in turn, until `n_documents` are drawn.

    gathers: for each corpus what makes its batches. limits: documents of each corpus, at which
    its turn is over.
    """
    left = n_documents
    may_give = list(limits)
    while left > 0 and any(may_give):
        for number, (stream, gather) in enumerate(zip(streams, gathers, strict=True)):
            batches: list[list[Example]] = []
            while not batches and left > 0 and may_give[number]:
                batches = gather.add(next(stream))
                may_give[number] -= 1
                left -= 1
            yield from batches
