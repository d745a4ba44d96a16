"""A cost model of annotation and training on several machines, and what it predicts.

Annotation: an actor takes some time for a part, and the driver, which reads, hands on and writes,
another; one driver serves all actors of a command. Ray's own processes are busy besides, which
counts where all share the cores of one machine.

Training: a step is the computing of own words, waiting for the worker with the most, and the
exchange of gradients: dense ones by a ring, 2 (n - 1) / n times their bytes, and rows of tables,
which each worker sends to all. All workers draw the same batches and pass over what is not theirs;
texts are read once, before the first step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

GIGABIT = 1e9 / 8  # bytes a second
CORES = 2  # of the machine that the constants are of


@dataclass(frozen=True)
class Annotation:
    """Of one part with one actor.

    actor, driver: seconds. beside: CPU seconds of the machine beside the actor, the driver's among
    them. documents, sent, returned: of a part, the last two in bytes.
    """

    actor: float
    driver: float
    beside: float
    documents: float
    words: float
    sent: float
    returned: float

    def seconds(self, actors: int, cores: float = inf, drivers: int = 1) -> float:
        """From one part to the next. cores: that all processes share."""
        by_actors = self.actor / actors
        by_driver = self.driver / drivers
        by_cores = (self.actor + self.beside) / cores
        return max(by_actors, by_driver, by_cores)

    @property
    def most_actors(self) -> float:
        """That one driver keeps busy."""
        return self.actor / self.driver if self.driver else inf

    @property
    def bytes_of_a_document(self) -> float:
        """On the network: to the actor and back."""
        return (self.sent + self.returned) / self.documents


@dataclass(frozen=True)
class Exchange:
    """Of an array: `latency` seconds and bytes over `bandwidth` for two processes."""

    latency: float
    bandwidth: float

    @classmethod
    def fitted(cls, seconds: dict[str, float]) -> Exchange:
        """Through the smallest and the largest array. seconds: by megabytes."""
        sizes = sorted((float(size), taken) for size, taken in seconds.items())
        (small, first), (large, last) = sizes[0], sizes[-1]
        bandwidth = (large - small) * 1e6 / (last - first)
        return cls(max(0.0, first - small * 1e6 / bandwidth), bandwidth)

    def reduce(self, size: float, workers: int) -> float:
        """Seconds to add up arrays of so many bytes, by a ring."""
        if workers < 2:
            return 0.0
        share = 2 * (workers - 1) / workers  # 1 for two, which `bandwidth` is of
        return (workers - 1) * self.latency + share * size / self.bandwidth

    def gather(self, size: float, workers: int) -> float:
        """Seconds until each has the arrays of all."""
        if workers < 2:
            return 0.0
        return (workers - 1) * (self.latency + size / self.bandwidth)


@dataclass(frozen=True)
class Training:
    """Of one worker's step.

    compute: seconds without others. pack: of getting gradients ready for others and taking theirs.
    dense, rows: bytes of gradients. imbalance: by the number of workers, the words of the largest
    part of a batch relative to the mean. ray: of a core, what Ray's own processes take on a
    machine whose cores all train: whichever worker they hold up, the others wait for it.
    """

    compute: float
    words: float
    pack: float
    dense: float
    rows: float
    imbalance: Mapping[int, float]
    ray: float = 0.0

    def exchange(self, workers: int, network: Exchange) -> tuple[float, float]:
        """Seconds of dense gradients with what is counted before, and of rows."""
        if workers < 2:
            return 0.0, 0.0
        counts = network.gather(0, workers)
        return counts + network.reduce(self.dense, workers), network.gather(self.rows, workers)

    def seconds(self, workers: int, network: Exchange, imbalance: float | None = None) -> float:
        """Of a step. imbalance: in place of what is known."""
        if workers < 2:
            return self.compute
        largest = self.imbalance[workers] if imbalance is None else imbalance
        own = largest * self.compute + self.pack
        return (own + sum(self.exchange(workers, network))) / (1 - self.ray)

    def efficiency(self, workers: int, network: Exchange) -> float:
        """Words a second of each worker, relative to one alone."""
        return self.compute / self.seconds(workers, network)
