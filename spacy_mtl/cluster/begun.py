"""How often parts of the input were begun, in a module that imports next to nothing.

The process that counts them would otherwise load spaCy for it.
"""

from __future__ import annotations

from collections import Counter


class Begun:
    """Counts how often each part was begun, until it is done."""

    def __init__(self) -> None:
        self._times: Counter[tuple[int, int]] = Counter()

    def begin(self, part: tuple[int, int]) -> int:
        """How often it was, this time included."""
        self._times[part] += 1
        return self._times[part]

    def end(self, part: tuple[int, int]) -> None:
        """It is done."""
        self._times.pop(part, None)
