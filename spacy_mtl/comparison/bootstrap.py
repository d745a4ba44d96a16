"""Resampling test documents and seeds together: intervals and tests of differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import MTLError
from ..metrics.base import Array, Statistics

_CHUNK = 500  # resamples at a time, which bounds the memory


@dataclass(frozen=True)
class Estimate:
    """A value, its percentile interval, and how often chance gives the other sign.

    p: two-sided, of the hypothesis that the value is 0; at least 2 / (samples + 1).
    """

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Resampled:
    """A score of the data at hand, mean over the seeds, and of each resample.

    per_seed: (n_seeds,). samples: (n_samples,), NaN where the drawn documents have no score.
    higher_is_better: False for an error.
    """

    per_seed: Array
    samples: Array
    higher_is_better: bool = True

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return float(self.per_seed.mean())

    @property
    def std(self) -> float:
        """Over the seeds, with n - 1; 0 for a single one."""
        return float(self.per_seed.std(ddof=1)) if len(self.per_seed) > 1 else 0.0


def resample(
    systems: Mapping[str, Sequence[Statistics]], samples: int = 10_000, seed: int = 0
) -> dict[str, Resampled]:
    """The scores of several systems in the same resamples of documents and seeds.

    A resample draws the test documents with replacement, and the seeds too: one less than there
    are, so that the variance over them is not too small (Rao and Wu 1988). How far the drawn
    seeds are from all of them is scaled by sqrt((n - 1) / chi2(n - 1)), as Student's t does with
    a normal deviation, since a few seeds tell little about how much seeds differ. What stands at
    the same place belongs together: the documents of all systems, and their seeds, so that a
    difference of two systems is paired. Chance that is of a document in a seed alone counts more
    than once, which makes the intervals too wide rather than too narrow (Owen 2007,
    https://arxiv.org/abs/0712.1111). With one seed, nothing is known of how much seeds differ,
    and only the documents are drawn.

    systems: by name, the statistics of each seed, of the same metric. All must have the same
        documents and seeds.
    """
    shapes = {(len(seeds), len(each)) for seeds in systems.values() for each in seeds}
    if len(shapes) != 1:
        raise MTLError(
            "Expected statistics of the same seeds and documents of all systems, got these numbers "
            f"of both: {sorted(shapes)}."
        )
    n_seeds, n_docs = next(iter(shapes))
    parts: dict[str, list[Array]] = {name: [] for name in systems}
    rng = np.random.default_rng(seed)
    for size in _chunks(samples):
        docs = _draws(rng, n_docs, n_docs, size)
        of_seeds = _seed_weights(rng, n_seeds, size)
        for name, seeds in systems.items():
            scores = np.stack([each.score(docs) for each in seeds], axis=1)
            parts[name].append((scores * of_seeds).sum(axis=1))
    return {
        name: Resampled(
            np.asarray([each.score() for each in seeds]),
            np.concatenate(parts[name]),
            seeds[0].higher_is_better,
        )
        for name, seeds in systems.items()
    }


def estimate(value: float, samples: Array, confidence: float = 0.95) -> Estimate:
    """The percentile interval of a value from its resamples, and the p of it being 0.

    Resamples without a score, which are NaN, are left out.
    """
    samples = samples[~np.isnan(samples)]
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(samples, [tail, 100 - tail])
    below, above = int((samples <= 0).sum()), int((samples >= 0).sum())
    p = 2 * (min(below, above) + 1) / (len(samples) + 1)
    return Estimate(float(value), float(low), float(high), min(1.0, float(p)))


def difference(joint: Resampled, single: Resampled, confidence: float = 0.95) -> Estimate:
    """How much higher the first one scores than the second; of errors, below 0 is better."""
    return estimate(joint.mean - single.mean, joint.samples - single.samples, confidence)


def delta_m(
    joint: Sequence[Resampled], single: Sequence[Resampled], confidence: float = 0.95
) -> Estimate:
    """The mean relative gain over the tasks, in per cent (Maninis et al. 2019, Delta_m).

    joint, single: of each task, scores or errors. The gain is relative to the mean score of the
    single task, which must be above 0; of an error, it is by how much it is lower.
    Source: https://arxiv.org/abs/1904.08918
    """
    pairs = list(zip(joint, single, strict=True))
    if not all(alone.mean > 0 for _, alone in pairs):
        raise MTLError(
            "Expected scores above 0 of the single tasks to relate gains to, got "
            f"{min(alone.mean for _, alone in pairs):g}."
        )
    values, gains = [], []
    for one, alone in pairs:
        scale = 100 if alone.higher_is_better else -100
        values.append(scale * (one.mean / alone.mean - 1))
        gains.append(scale * (one.samples - alone.samples) / alone.mean)
    return estimate(float(np.mean(values)), np.mean(gains, axis=0), confidence)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """The p-values corrected for their number (Holm 1979), which keeps the family-wise error."""
    corrected: dict[str, float] = {}
    highest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[name]))
        corrected[name] = highest
    return corrected


def _chunks(samples: int) -> Iterator[int]:
    while samples > 0:
        yield min(samples, _CHUNK)
        samples -= _CHUNK


def _draws(rng: np.random.Generator, n: int, draws: int, size: int) -> Array:
    """(size, n) how often each of n is drawn in so many draws with replacement."""
    return rng.multinomial(draws, np.full(n, 1 / n), size=size).astype("float64")


def _seed_weights(rng: np.random.Generator, n: int, size: int) -> Array:
    """(size, n) weights of the seeds, of sum 1 in each resample; see `resample`."""
    if n == 1:
        return np.ones((size, 1))
    drawn = _draws(rng, n, n - 1, size) / (n - 1)
    stretch = np.sqrt((n - 1) / rng.chisquare(n - 1, size=(size, 1)))
    weights: Array = 1 / n + (drawn - 1 / n) * stretch
    return weights
