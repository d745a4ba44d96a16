"""Positions in corpora, in memory or read as they are needed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
from spacy.training import Example
from spacy.vocab import Vocab

from ..errors import MTLError
from ..marks import corpus_of
from .mixed import Mixture

T = TypeVar("T")
LOOK = 1000  # documents of a stream that show what it has annotation of


class Place(NamedTuple):
    """Where a corpus was left: how many documents of which pass were drawn."""

    pass_number: int
    drawn: int


class CorpusStream:
    """Passes over a corpus without end, each in another order, from any place on."""

    def __init__(self, one_pass: Callable[[int], Iterator[Example]], place: Place) -> None:
        """one_pass: gives the documents of a pass, from 0, always in the same order."""
        self._one_pass = one_pass
        self.place = place
        self._rest = islice(one_pass(place.pass_number), place.drawn, None)

    def __iter__(self) -> Iterator[Example]:
        return self

    def __next__(self) -> Example:
        example = next(self._rest, None)
        if example is None:
            self.place = Place(self.place.pass_number + 1, 0)
            self._rest = islice(self._one_pass(self.place.pass_number), None)
            example = next(self._rest)
        self.place = Place(self.place.pass_number, self.place.drawn + 1)
        return example


class Corpora(ABC):
    """Corpora with names in alphabetical order, of which each can be gone through in passes."""

    in_memory: bool
    names: list[str]

    def __init__(self) -> None:
        self._streams: list[CorpusStream] = []

    @property
    @abstractmethod
    def sizes(self) -> list[int]:
        """The number of documents of each."""

    @property
    @abstractmethod
    def vocab(self) -> Vocab:
        """That of the pipeline they are read for."""

    @abstractmethod
    def sample(self, number: int) -> Iterator[Example]:
        """Documents of a corpus that show what annotation it has."""

    @abstractmethod
    def one_pass(self, number: int, seed: int, pass_number: int) -> Iterator[Example]:
        """A pass over a corpus, in an order that depends on the arguments alone."""

    def streams(self, seed: int, places: Sequence[Place]) -> list[CorpusStream]:
        """Each corpus from its place on; those that were given last, if they are there."""
        if [stream.place for stream in self._streams] != list(places):
            self._streams = [
                CorpusStream(partial(self.one_pass, number, seed), place)
                for number, place in enumerate(places)
            ]
        return self._streams


class CorporaInMemory(Corpora):
    """The corpora of examples that a `MixedCorpus` has marked, in whatever order they come."""

    in_memory = True

    def __init__(self, examples: Iterable[Example]) -> None:
        super().__init__()
        corpora: dict[str, list[tuple[int, Example]]] = {}
        for example in examples:
            name, index = corpus_of(example)
            corpora.setdefault(name, []).append((index, example))
        if not corpora:
            raise MTLError("Expected at least one example to make batches of, got none.")
        self.names = sorted(corpora)
        self._corpora = [
            [example for _, example in sorted(corpora[name], key=lambda pair: pair[0])]
            for name in self.names
        ]

    @property
    def sizes(self) -> list[int]:
        return [len(corpus) for corpus in self._corpora]

    @property
    def vocab(self) -> Vocab:
        return self._corpora[0][0].reference.vocab

    def sample(self, number: int) -> Iterator[Example]:
        """All documents."""
        return iter(self._corpora[number])

    def one_pass(self, number: int, seed: int, pass_number: int) -> Iterator[Example]:
        corpus = self._corpora[number]
        order = np.random.default_rng((seed, number, pass_number)).permutation(len(corpus))
        return (corpus[i] for i in order)


class StreamedCorpora(Corpora):
    """Corpora that are read while they are gone through, and never held in memory as a whole."""

    in_memory = False

    def __init__(self, mixture: Mixture, buffer: int) -> None:
        """buffer: how many documents of each corpus are held."""
        super().__init__()
        self.mixture = mixture
        self.names = sorted(mixture.corpus.corpora)
        self._buffer = buffer

    @cached_property
    def sizes(self) -> list[int]:
        """Those of the reader's settings; the others are counted, in one pass."""
        given = self.mixture.corpus.sizes
        return [
            given[name] if name in given else sum(1 for _ in self.mixture.read(name))
            for name in self.names
        ]

    @property
    def vocab(self) -> Vocab:
        return self.mixture.nlp.vocab

    def sample(self, number: int) -> Iterator[Example]:
        """The first documents."""
        return islice(self.mixture.read(self.names[number]), LOOK)

    def one_pass(self, number: int, seed: int, pass_number: int) -> Iterator[Example]:
        rng = np.random.default_rng((seed, number, pass_number))
        return shuffled(self.mixture.read(self.names[number]), self._buffer, rng)


def shuffled(items: Iterable[T], buffer: int, rng: np.random.Generator) -> Iterator[T]:
    """The items in random order, no more than `buffer` of which are held at a time.

    An item comes early by less than the size of the buffer; if all fit, every order is as likely.
    """
    rest = iter(items)
    held = list(islice(rest, buffer))
    for item in rest:
        i = int(rng.integers(len(held)))
        chosen, held[i] = held[i], item
        yield chosen
    while held:
        i = int(rng.integers(len(held)))
        held[i], held[-1] = held[-1], held[i]
        yield held.pop()
