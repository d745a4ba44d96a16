"""Which share of an epoch each corpus gets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import MTLError
from .samplers import Epoch, Sampler


class Shares:
    """How many documents of each corpus an epoch has; all together as many as the corpora have.

    sampler: whose weights the shares are proportional to.
    max_repeats: at most so many passes over a corpus in an epoch (Chung et al. 2023,
        https://arxiv.org/abs/2304.09151); what is over goes to the others. 0 for no limit.
    """

    def __init__(self, sampler: Sampler, max_repeats: float = 0.0) -> None:
        if not math.isfinite(max_repeats) or max_repeats < 0:
            raise MTLError(f"Expected `max_repeats` of 0 or more, got {max_repeats}.")
        self._sampler = sampler
        self._max_repeats = max_repeats

    @property
    def in_turn(self) -> bool:
        """Whether the corpora take turns, instead of coming in random order."""
        return self._sampler.in_turn

    def draws(self, epoch: Epoch) -> list[int]:
        """How many documents of each corpus the epoch has, at least 1 where it weighs anything.

        RAISES (MTLError): If the sampler's weights are not one for each corpus, of 0 or more, and
            one above 0.
        """
        weights = self._weights(epoch)
        total = sum(epoch.sizes)
        wanted = weights / weights.sum() * total
        if self._max_repeats:
            limits = self._max_repeats * np.asarray(epoch.sizes, dtype="float64")
            wanted = _capped(weights, limits, total)
        pairs = zip(wanted.tolist(), weights.tolist(), strict=True)
        return [max(1, round(n)) if weight else 0 for n, weight in pairs]

    def _weights(self, epoch: Epoch) -> NDArray[np.float64]:
        given = self._sampler.weights(epoch)
        weights = np.asarray(given, dtype="float64")
        shaped = weights.shape == (len(epoch.sizes),)
        if not shaped or not np.isfinite(weights).all() or weights.min() < 0 or not weights.any():
            raise MTLError(
                f"Expected a weight of 0 or more for each of {', '.join(epoch.names)}, and one "
                f"above 0, from {type(self._sampler).__name__}, got {given!r}. Correct its "
                "`weights`."
            )
        return weights

    def limits(self, sizes: Sequence[int]) -> list[int]:
        """The most documents of each corpus that an epoch may have."""
        if not self._max_repeats:
            return [sum(sizes)] * len(sizes)
        return [max(1, round(self._max_repeats * size)) for size in sizes]

    def length(self, sizes: Sequence[int]) -> int:
        """How many documents an epoch has, whatever the shares are, up to rounding."""
        return min(sum(sizes), sum(self.limits(sizes)))


def equal_part(counts: Sequence[int], part: int, n_parts: int) -> list[int]:
    """The share of one of `n_parts` equal parts in each of the counts, exact in their sum."""
    return [
        n * (part + 1) // n_parts - n * part // n_parts  # no floats, which would not add up
        for n in counts
    ]


def _capped(
    weights: NDArray[np.float64], limits: NDArray[np.float64], total: float
) -> NDArray[np.float64]:
    """Shares of the total by weight, none above its limit, what is over shared by the others."""
    shares = np.zeros_like(weights)
    open_ = weights > 0
    while open_.any():
        left = total - shares[~open_].sum()
        shares[open_] = weights[open_] / weights[open_].sum() * left
        over = open_ & (shares > limits)
        shares[over] = limits[over]
        open_ &= ~over
        if not over.any():
            break
    return shares
