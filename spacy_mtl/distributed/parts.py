"""Each worker's part of a batch."""

from __future__ import annotations

from collections.abc import Sequence

from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab


def part_of_batch(
    examples: Sequence[Example], rank: int, number: int, vocab: Vocab
) -> list[Example]:
    """The examples that one of so many workers learns from, in their order.

    The longest go first, each to the worker with the fewest words so far. A worker that has no
    words gets a document of one word without any label, from which nothing is learned.
    """
    words = [0] * number
    own = []
    by_length = sorted(range(len(examples)), key=lambda i: (-len(examples[i].predicted), i))
    for i in by_length:
        least = words.index(min(words))
        words[least] += len(examples[i].predicted)
        if least == rank:
            own.append(i)
    part = [examples[i] for i in sorted(own)]
    return part if words[rank] else [*part, _unlabelled(vocab)]


def _unlabelled(vocab: Vocab) -> Example:
    return Example(Doc(vocab, words=["."]), Doc(vocab, words=["."]))
