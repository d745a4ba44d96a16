"""Batches from several corpora, in proportions that are chosen instead of given by their size."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from spacy.training import Example

from ..errors import MTLError
from ..state import State
from .gaps import Annotation, Gaps
from .minibatches import BatchSizes, WordBatches
from .mixed import Mixture
from .order import Drawn, batches_in_turn, in_random_order, in_turn
from .position import Position
from .samplers import Epoch, sampler_of
from .sampling import Shares, equal_part
from .streams import Corpora, CorporaInMemory, CorpusStream, StreamedCorpora

BATCHES = ("mixed", "homogeneous")
BLOCK = 10_000  # documents of streams whose order is drawn at once


class MixtureBatches:
    """Batches of about `size` words, from the corpora that a `MixedCorpus` has marked.

    An epoch has as many documents as the corpora together, of which each corpus gets a share, see
    `Shares`. A corpus that is drawn more often than once is repeated in another order each time,
    one that is drawn less often goes on in the next epoch where it stopped.

    The order is a function of the seed and the number of the epoch (and of the scores so far,
    with dynamic shares), so that a training can be continued after any batch: `state` is the
    position. A call gives what is left of an epoch; spaCy's loop makes one for each epoch.

    With a list of examples, as spaCy's loop gives it, all is in memory. With what the reader gives
    (`max_epochs = -1`), documents are read when they are needed. Then each corpus is shuffled
    within a buffer, and the order of the corpora in blocks of 10,000 documents, each with the
    dynamic shares of its beginning. To go on at a position, each stream is read up to it.

    size: words in a batch, a number or a schedule over the batches.
    batches: "mixed", or "homogeneous" for batches that have documents of one corpus only.
    seed: another one gives another order.
    buffer: how many documents of each corpus are held to shuffle a stream.
    tolerance: by what share of `size` a batch may be larger, as for `spacy.batch_by_words.v1`.
    discard_oversize: leave out documents that are larger than that, instead of making a batch of
        each.
    """

    def __init__(
        self,
        size: Any,
        shares: Shares,
        gaps: Gaps,
        seed: int,
        batches: str,
        buffer: int,
        tolerance: float,
        discard_oversize: bool,
    ) -> None:
        _check(seed, batches, buffer, tolerance)
        self._sizes = BatchSizes(size)
        self._shares = shares
        self._gaps = gaps
        self._seed = seed
        self._homogeneous = batches == "homogeneous"
        self._buffer = buffer
        self._tolerance = tolerance
        self._discard_oversize = discard_oversize
        self._position = Position()
        self._streamed: StreamedCorpora | None = None
        self._annotation: list[Annotation] = []

    def state(self) -> State:
        """See `spacy_mtl.state.Stateful`: the position behind the batch that was given last."""
        return self._position.state()

    def load_state(self, state: State) -> None:
        """Go on at this position at the next call.

        At a position before its present one only a new object can, if `size` or `alpha` is a
        schedule: these do not go back.
        """
        self._position = Position.from_state(state)

    def __call__(self, items: Iterable[Example]) -> Iterator[list[Example]]:
        """What is left of the batches of an epoch, which may be all. `items` may have any order.

        RAISES (MTLError): If the examples have no marks, are not those of the epoch before, or a
            corpus is empty.
        """
        corpora = self._corpora(items)
        position = self._position
        position.enter(corpora)
        length = self._shares.length(corpora.sizes)
        n_blocks = 1 if corpora.in_memory else math.ceil(length / BLOCK)
        while position.block < n_blocks:
            position.draws = position.draws or self._draws(corpora)
            streams = corpora.streams(self._seed, position.places)
            self._sizes.start(position.batch_sizes)
            for number, batch in enumerate(self._block(streams, n_blocks, corpora.in_memory)):
                if number >= position.batches:
                    position.batches = number + 1
                    yield batch
            position.end_block([stream.place for stream in streams], self._sizes.used)
        position.end_epoch()

    def _corpora(self, items: Iterable[Example]) -> Corpora:
        if not isinstance(items, Mixture):
            return CorporaInMemory(items)
        if self._streamed is None or self._streamed.mixture != items:
            self._streamed = StreamedCorpora(items, self._buffer)
        return self._streamed

    def _draws(self, corpora: Corpora) -> list[int]:
        """How many documents of each corpus the epoch has, as the scores are now."""

        def gaps() -> list[float]:
            if not self._annotation:
                numbers = range(len(corpora.names))
                self._annotation = [Annotation.of(corpora.sample(number)) for number in numbers]
            return self._gaps(self._annotation, corpora.vocab)

        epoch = Epoch(self._position.epoch, corpora.names, corpora.sizes, gaps)
        return self._shares.draws(epoch)

    def _block(
        self, streams: list[CorpusStream], n_blocks: int, whole: bool
    ) -> Iterator[list[Example]]:
        """The batches of the present block. whole: whether it may be held in memory."""
        position = self._position
        draws = equal_part(position.draws, position.block, n_blocks)
        gathers = self._gathers(len(streams))
        drawn: Drawn = ()
        if not self._shares.in_turn:
            drawn = in_random_order(streams, draws, self._rng(len(streams)), whole)
        elif not self._homogeneous:
            drawn = in_turn(streams, draws)
        else:
            most = self._shares.limits(position.documents)
            most = [limit if n else 0 for limit, n in zip(most, position.draws, strict=True)]
            limits = equal_part(most, position.block, n_blocks)
            yield from batches_in_turn(streams, gathers, sum(draws), limits)
        for number, example in drawn:
            yield from gathers[number].add(example)
        for gather in gathers:
            yield from gather.flush()

    def _gathers(self, n: int) -> list[WordBatches]:
        """What makes batches of the documents of each corpus: one for each, or one for all."""
        settings = (self._sizes, self._tolerance, self._discard_oversize)
        if self._homogeneous:
            return [WordBatches(*settings) for _ in range(n)]
        return [WordBatches(*settings)] * n

    def _rng(self, n_corpora: int) -> np.random.Generator:
        """Random numbers of the present block; those of the corpora have smaller second keys."""
        position = self._position
        block = (position.block,) if position.block else ()
        return np.random.default_rng((self._seed, n_corpora, position.epoch, *block))


def create_mixture_batches(
    size: Any,
    sampling: Any = "proportional",
    alpha: Any = 0.6,
    max_repeats: float = 0.0,
    seed: int = 0,
    tolerance: float = 0.2,
    discard_oversize: bool = False,
    batches: str = "mixed",
    references: dict[str, float] | None = None,
    strength: float = 10.0,
    buffer: int = 1000,
) -> MixtureBatches:
    """Make the batcher `spacy_mtl.MixtureBatches.v1`.

    sampling: a word, or a sampler from the registry `mtl_samplers`, which has settings of its own.
        "temperature" and "annealed" are `spacy_mtl.Temperature.v1`, "proportional" and "uniform"
        the same with 1 and 0 as `alpha`; "round_robin" is `spacy_mtl.RoundRobin.v1`, "dynamic"
        `spacy_mtl.Dynamic.v1`.
    alpha: of `Temperature` or `Dynamic`, where a word names it; a schedule for "annealed".
    strength: of `Dynamic`, where a word names it.
    max_repeats: see `Shares`. references: see `Gaps`. All others: see `MixtureBatches`.
    """
    shares = Shares(sampler_of(sampling, alpha, strength), max_repeats)
    gaps = Gaps(references)
    return MixtureBatches(size, shares, gaps, seed, batches, buffer, tolerance, discard_oversize)


def _check(seed: int, batches: str, buffer: int, tolerance: float) -> None:
    if batches not in BATCHES:
        raise MTLError(f"Expected `batches` to be one of {list(BATCHES)}, got {batches!r}.")
    for name, value, least in (("seed", seed, 0), ("buffer", buffer, 1)):
        if value < least:
            raise MTLError(f"Expected `{name}` of {least} or more, got {value}.")
    if not math.isfinite(tolerance) or tolerance < 0:
        raise MTLError(f"Expected `tolerance` of 0 or more, got {tolerance}.")
