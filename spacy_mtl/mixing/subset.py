"""A random part of a corpus, for learning curves."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.training import Example

from ..corpora.augmented import read_keeping_missing
from ..errors import MTLError


class Subset:
    """Reads a fraction of another reader's examples, in their order.

    The examples are a function of the number of examples and the seed, and those of a smaller
    fraction are among those of a larger one. All of them are read, so it is not for streams
    without end.

    reader: the reader to take a part of, in a section of its own.
    fraction: above 0, up to 1; at least one example is given.
    seed: another one draws other examples.
    """

    def __init__(
        self, reader: Callable[[Language], Iterable[Example]], fraction: float, seed: int
    ) -> None:
        if not 0 < fraction <= 1:
            raise MTLError(f"Expected a fraction above 0 and up to 1, got {fraction}.")
        if not callable(reader):
            raise MTLError(f"Expected a reader to take a fraction of, got {reader!r}.")
        self.reader = read_keeping_missing(reader, "the reader of a subset")
        self.fraction = fraction
        self.seed = seed

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """The examples that were drawn."""
        examples = list(self.reader(nlp))
        n = max(1, round(self.fraction * len(examples)))
        drawn = np.random.default_rng(self.seed).permutation(len(examples))[:n]
        for number in np.sort(drawn).tolist():
            yield examples[number]


def create_subset(reader: Any, fraction: float = 1.0, seed: int = 0) -> Subset:
    """Make the reader `spacy_mtl.Subset.v1`; see `Subset`."""
    return Subset(reader, fraction, seed)
