"""Batches from several corpora, in proportions that are chosen instead of given by their size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.training import Example
from spacy.training.batchers import minibatch_by_words

from ..errors import MTLError
from ..marks import corpus_of

SAMPLING = ("proportional", "uniform", "temperature")


class MixtureBatches:
    """Mixed batches of about `size` words, from the corpora that a `MixedCorpus` has marked.

    An epoch has as many documents as the corpora together. Each corpus gets a share of them:
    "proportional" to its size; the same for all ("uniform"); or proportional to its size to the
    power of `alpha` ("temperature", Conneau et al. 2019, https://arxiv.org/abs/1911.02116). A
    corpus that is drawn more often than once is repeated in another order each time, one that is
    drawn less often goes on in the next epoch where it stopped.

    The order is a function of the seed and the number of the epoch alone, which is the number of
    times that this has been called: spaCy's loop asks for the batches of each epoch anew.

    size: words in a batch, a number or a schedule. max_repeats: at most so many passes over a
    corpus in an epoch (Chung et al. 2023, https://arxiv.org/abs/2304.09151), 0 for no limit.
    tolerance, discard_oversize: as for `spacy.batch_by_words.v1`.
    """

    def __init__(
        self,
        size: Any,
        sampling: str,
        alpha: float,
        max_repeats: float,
        seed: int,
        tolerance: float,
        discard_oversize: bool,
    ) -> None:
        if sampling not in SAMPLING:
            raise MTLError(f"Expected `sampling` to be one of {list(SAMPLING)}, got {sampling!r}.")
        if not 0.0 <= alpha <= 1.0 or max_repeats < 0:
            raise MTLError(
                "Expected `alpha` between 0 and 1 and `max_repeats` of 0 or more, got "
                f"{alpha} and {max_repeats}."
            )
        self.size = size if isinstance(size, int) else iter(size)
        self.alpha = {"proportional": 1.0, "uniform": 0.0}.get(sampling, alpha)
        self.max_repeats = max_repeats
        self.seed = seed
        self.tolerance = tolerance
        self.discard_oversize = discard_oversize
        self.epoch = 0

    def __call__(self, items: Iterable[Example]) -> Iterator[list[Example]]:
        """The batches of the next epoch. `items` may come in any order."""
        ordered = self.order(list(items), self.epoch)
        self.epoch += 1
        yield from minibatch_by_words(
            ordered,
            size=self.size,
            tolerance=self.tolerance,
            discard_oversize=self.discard_oversize,
        )

    def order(self, items: Sequence[Example], epoch: int) -> list[Example]:
        """The examples of an epoch in their order, some more than once or not at all."""
        corpora = _by_corpus(items)
        draws = self.draws([len(corpus) for corpus in corpora.values()])
        drawn: list[Example] = []
        for place, (corpus, n) in enumerate(zip(corpora.values(), draws, strict=True)):
            stream = _stream(len(corpus), epoch * n, n, (self.seed, place))
            drawn.extend(corpus[i] for i in stream)
        rng = np.random.default_rng((self.seed, len(corpora), epoch))
        return [drawn[i] for i in rng.permutation(len(drawn))]

    def draws(self, sizes: Sequence[int]) -> list[int]:
        """How many documents of each corpus an epoch has, given the corpora's sizes."""
        weights = np.asarray(sizes, dtype="float64") ** self.alpha
        wanted = weights / weights.sum() * sum(sizes)
        if self.max_repeats:
            wanted = np.minimum(wanted, self.max_repeats * np.asarray(sizes))
        return [max(1, round(n)) for n in wanted.tolist()]


def create_mixture_batches(
    size: int | Any,
    sampling: str = "proportional",
    alpha: float = 0.6,
    max_repeats: float = 0,
    seed: int = 0,
    tolerance: float = 0.2,
    discard_oversize: bool = False,
) -> Callable[[Iterable[Example]], Iterator[list[Example]]]:
    """Make the batcher `spacy_mtl.MixtureBatches.v1`; see `MixtureBatches`."""
    return MixtureBatches(size, sampling, alpha, max_repeats, seed, tolerance, discard_oversize)


def _by_corpus(items: Sequence[Example]) -> dict[str, list[Example]]:
    """The examples of each corpus, sorted as they were read, whatever order they come in."""
    corpora: dict[str, list[tuple[int, Example]]] = {}
    for item in items:
        name, index = corpus_of(item)
        corpora.setdefault(name, []).append((index, item))
    return {
        name: [item for _, item in sorted(corpora[name], key=lambda pair: pair[0])]
        for name in sorted(corpora)
    }


def _stream(size: int, start: int, n: int, seed: tuple[int, ...]) -> Iterator[int]:
    """The places `start` to `start + n` of an endless stream of permutations of `size` indices."""
    order: NDArray[np.int64] | None = None
    for position in range(start, start + n):
        round_, place = divmod(position, size)
        if order is None or place == 0:
            order = np.random.default_rng((*seed, round_)).permutation(size)
        yield int(order[place])
