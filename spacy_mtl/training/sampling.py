"""Which share of an epoch each corpus gets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from ..errors import MTLError
from ..schedules import Setting

SAMPLING = ("proportional", "uniform", "temperature", "annealed", "round_robin", "dynamic")
# The power of a corpus's size that its share is proportional to, where it is not a setting.
_FIXED_ALPHA = {"proportional": 1.0, "uniform": 0.0, "round_robin": 0.0}


class Shares:
    """How many documents of each corpus an epoch has; all together as many as the corpora have.

    A corpus's share is proportional to its size to a power. sampling is one of

    - "proportional": 1, as if the corpora were one.
    - "uniform": 0, the same for all.
    - "round_robin": 0 too, but the corpora take turns instead of coming in random order.
    - "temperature": `alpha` (Conneau et al. 2019, https://arxiv.org/abs/1911.02116).
    - "annealed": `alpha` as a thinc schedule, whose n-th value holds in the n-th epoch
      (Stickland and Murray 2019, https://arxiv.org/abs/1902.02671).
    - "dynamic": `alpha`, and the share is multiplied by 1 + `strength` * gap, where the gap is
      how far the corpus's tasks are below what they could score.

    alpha: from 0 to 1.
    max_repeats: at most so many passes over a corpus in an epoch (Chung et al. 2023,
        https://arxiv.org/abs/2304.09151); what is over goes to the others. 0 for no limit.
    strength: of "dynamic", 0 or more. Gaps are parts of 1, mostly a few hundredths.
    """

    def __init__(
        self,
        sampling: str,
        alpha: float | Iterable[float],
        max_repeats: float = 0.0,
        strength: float = 10.0,
    ) -> None:
        if sampling not in SAMPLING:
            raise MTLError(f"Expected `sampling` to be one of {list(SAMPLING)}, got {sampling!r}.")
        for name, value in (("max_repeats", max_repeats), ("strength", strength)):
            if not math.isfinite(value) or value < 0:
                raise MTLError(f"Expected `{name}` of 0 or more, got {value}.")
        self.sampling = sampling
        self._alpha = Setting(_FIXED_ALPHA.get(sampling, alpha), "the batcher's `alpha`")
        self._max_repeats = max_repeats
        self._strength = strength
        if isinstance(alpha, Real):
            _check_alpha(float(alpha))
        if sampling not in _FIXED_ALPHA and isinstance(alpha, Real) == (sampling == "annealed"):
            kind = "a schedule" if sampling == "annealed" else "a number"
            raise MTLError(
                f'Expected {kind} as `alpha` with sampling = "{sampling}", got {alpha!r}. With '
                'a number take "temperature", with a schedule "annealed".'
            )

    def draws(self, sizes: Sequence[int], epoch: int, gaps: Sequence[float] = ()) -> list[int]:
        """How many documents of each corpus an epoch has, given the corpora's sizes.

        epoch: from 0; it must not go back. gaps: of each corpus, with "dynamic".
        """
        counts = np.asarray(sizes, dtype="float64")
        weights = counts ** _check_alpha(self._alpha.at(epoch))
        if len(gaps):
            weights *= 1.0 + self._strength * np.asarray(gaps)
        wanted = weights / weights.sum() * sum(sizes)
        if self._max_repeats:
            wanted = _capped(weights, self._max_repeats * counts, sum(sizes))
        return [max(1, round(n)) for n in wanted.tolist()]

    def limits(self, sizes: Sequence[int]) -> list[int]:
        """The most documents of each corpus that an epoch may have."""
        if not self._max_repeats:
            return [sum(sizes)] * len(sizes)
        return [max(1, round(self._max_repeats * size)) for size in sizes]

    def length(self, sizes: Sequence[int]) -> int:
        """How many documents an epoch has, whatever the shares are, up to rounding."""
        return min(sum(sizes), sum(self.limits(sizes)))


def part_of(counts: Sequence[int], part: int, n_parts: int) -> list[int]:
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
    open_ = np.ones(len(weights), dtype=bool)
    while open_.any():
        left = total - shares[~open_].sum()
        shares[open_] = weights[open_] / weights[open_].sum() * left
        over = open_ & (shares > limits)
        shares[over] = limits[over]
        open_ &= ~over
        if not over.any():
            break
    return shares


def _check_alpha(alpha: float) -> float:
    if not 0.0 <= alpha <= 1.0:
        raise MTLError(f"Expected `alpha` between 0 and 1, got {alpha}.")
    return alpha
