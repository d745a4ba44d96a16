"""Samplers: how the documents of an epoch are shared out among the corpora."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from ..errors import MTLError
from ..schedules import Setting

SAMPLING = ("proportional", "uniform", "temperature", "annealed", "round_robin", "dynamic")


@dataclass(frozen=True)
class Epoch:
    """An epoch before its documents are drawn; in streams, what is left of it.

    number: from 0; it does not go back.
    names, sizes: of the corpora, in alphabetical order, and how many documents each has.
    gaps: how far the tasks of each corpus are below what they could score, as parts of 1 (see
        `Gaps`); found when it is called, and MTLError if nothing is known of scores.
    """

    number: int
    names: Sequence[str]
    sizes: Sequence[int]
    gaps: Callable[[], Sequence[float]]


class Sampler(ABC):
    """Weighs the corpora of an epoch: the more a corpus weighs, the more of its documents come.

    in_turn: whether the corpora take turns, instead of coming in random order: document by
        document, or batch by batch where these are homogeneous, however much each weighs.
    """

    in_turn: bool = False

    @abstractmethod
    def weights(self, epoch: Epoch) -> Sequence[float]:
        """The weight of each corpus, in any unit; of one with 0, no document is drawn.

        A function of the epoch alone: a training that is resumed asks again, with a new sampler.
        """


class Temperature(Sampler):
    """Weights of size ** alpha: 1 is as if the corpora were one, 0 the same for all.

    (Conneau et al. 2019, https://arxiv.org/abs/1911.02116; with a schedule Stickland and Murray
    2019, https://arxiv.org/abs/1902.02671.)

    alpha: from 0 to 1, a number or a thinc schedule, whose n-th value holds in the n-th epoch.
    """

    def __init__(self, alpha: Any = 0.6) -> None:
        self._alpha = Setting(alpha, "the batcher's `alpha`")
        if isinstance(alpha, Real):
            _check_alpha(float(alpha))

    def weights(self, epoch: Epoch) -> Sequence[float]:
        """See `Sampler`."""
        sizes = np.asarray(epoch.sizes, dtype="float64")
        weights: list[float] = (sizes ** _check_alpha(self._alpha.at(epoch.number))).tolist()
        return weights


class RoundRobin(Sampler):
    """The same weight for all, and the corpora take turns."""

    in_turn = True

    def weights(self, epoch: Epoch) -> Sequence[float]:
        """See `Sampler`."""
        return [1.0] * len(epoch.sizes)


class Dynamic(Temperature):
    """Those of `Temperature` times 1 + strength * gap: more for what lags behind.

    A gap is how far the corpus's tasks are below what they could score; mostly a few hundredths.

    alpha: of `Temperature`.
    strength: how much a gap counts, 0 or more.
    """

    def __init__(self, alpha: Any = 0.6, strength: float = 10.0) -> None:
        super().__init__(alpha)
        self._strength = _check_strength(strength)

    def weights(self, epoch: Epoch) -> Sequence[float]:
        """See `Sampler`.

        RAISES (MTLError): If the pipeline has no scores to go by.
        """
        gaps = epoch.gaps()
        weights = zip(super().weights(epoch), gaps, strict=True)
        return [weight * (1.0 + self._strength * gap) for weight, gap in weights]


def sampler_of(sampling: Any, alpha: Any, strength: float) -> Sampler:
    """The sampler that a word of `SAMPLING` stands for; one that is given comes back.

    RAISES (MTLError): If there is no such word, or its settings are wrong.
    """
    if isinstance(sampling, Sampler):
        return sampling
    if sampling not in SAMPLING:
        raise MTLError(
            f"Expected `sampling` to be one of {list(SAMPLING)}, or a section that names one with "
            f"@mtl_samplers, got {sampling!r}."
        )
    _check_strength(strength)
    by_size = Temperature(alpha)
    if sampling in ("temperature", "annealed", "dynamic"):
        _check_kind(sampling, alpha)
    if sampling == "dynamic":
        return Dynamic(alpha, strength)
    fixed = {"proportional": Temperature(1.0), "uniform": Temperature(0.0)}
    return RoundRobin() if sampling == "round_robin" else fixed.get(sampling, by_size)


def _check_kind(sampling: str, alpha: Any) -> None:
    if isinstance(alpha, Real) == (sampling == "annealed"):
        kind = "a schedule" if sampling == "annealed" else "a number"
        raise MTLError(
            f'Expected {kind} as `alpha` with sampling = "{sampling}", got {alpha!r}. With '
            'a number take "temperature", with a schedule "annealed".'
        )


def _check_alpha(alpha: float) -> float:
    if not 0.0 <= alpha <= 1.0:
        raise MTLError(f"Expected `alpha` between 0 and 1, got {alpha}.")
    return alpha


def _check_strength(strength: float) -> float:
    if not math.isfinite(strength) or strength < 0:
        raise MTLError(f"Expected `strength` of 0 or more, got {strength}.")
    return strength
