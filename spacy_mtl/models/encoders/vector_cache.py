"""Vectors of rows of features, remembered from batch to batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import Ops
from thinc.types import Floats2d

Keys = NDArray[np.uint64]


def feature_keys(features: NDArray[np.uint64]) -> Keys:
    """(n,) one hash for each row of (n, n_features) hashes.

    Rows count as equal if their hashes of 64 bits are, as strings do in spaCy.
    """
    return (features * _odd_numbers(features.shape[1])).sum(axis=1, dtype="uint64")


@cache
def _odd_numbers(n: int) -> Keys:
    """Well mixed ones: SplitMix64 (Steele, Lea & Flood 2014)."""
    mixed = (np.arange(1, n + 1, dtype="uint64") * np.uint64(0x9E3779B97F4A7C15)).copy()
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (mixed ^ (mixed >> np.uint64(31))) | np.uint64(1)


class VectorCache:
    """A direct-mapped cache: each key has one slot, where the latest key stays.

    bits: it has 2 ** bits slots. It belongs to one state of the weights, and forgets everything
    at another. It is never saved or copied. May be used by several threads.
    """

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self._lock = Lock()
        self._state: Any = None
        self._keys: Keys
        self._vectors: Any = None

    def __reduce__(self) -> Any:
        return VectorCache, (self.bits,)

    def vectors(
        self,
        keys: Keys,
        width: int,
        state: Any,
        compute: Callable[[NDArray[np.int64]], Floats2d],
        ops: Ops,
    ) -> Floats2d:
        """(n, width) the vector of each key, on the device of `ops`.

        compute: gives the vectors for some places in `keys`, each of another key.
        """
        slots = (keys >> np.uint64(64 - self.bits)).astype("int64")
        with self._lock:
            if state != self._state:
                self._forget(state, width, ops)
            missing = np.flatnonzero(self._keys[slots] != keys)
            # Rows of missing keys hold anything for now.
            found: Any = self._vectors[ops.xp.asarray(slots)]
        if len(missing):
            _, first, inverse = np.unique(keys[missing], return_index=True, return_inverse=True)
            new: Any = compute(missing[first])
            found[ops.xp.asarray(missing)] = new[ops.xp.asarray(inverse)]
            self._store(slots[missing[first]], keys[missing[first]], new, state, ops)
        vectors: Floats2d = found
        return vectors

    def _store(self, slots: NDArray[np.int64], keys: Keys, new: Any, state: Any, ops: Ops) -> None:
        slots, kept = np.unique(slots, return_index=True)  # of two for a slot, one
        with self._lock:
            if state == self._state:
                self._keys[slots] = keys[kept]
                self._vectors[ops.xp.asarray(slots)] = new[ops.xp.asarray(kept)]

    def _forget(self, state: Any, width: int, ops: Ops) -> None:
        n = 1 << self.bits
        if not isinstance(self._vectors, ops.xp.ndarray) or self._vectors.shape[1] != width:
            self._vectors = ops.xp.empty((n, width), dtype="float32")
        # Keys that belong into another slot, so that none is found.
        self._keys = ~(np.arange(n, dtype="uint64") << np.uint64(64 - self.bits))
        self._state = state
