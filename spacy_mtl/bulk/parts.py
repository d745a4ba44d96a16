"""The input, so many documents at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .records import Source
from .sources import Input

PART_CHARACTERS = 10_000_000  # beyond which a part has no more documents


@dataclass(frozen=True)
class Parts:
    """Consecutive documents: so many at a time, or fewer if they are long.

    source: what they come from. file, ordinal: the place behind which they begin, as
    `Input.sources` takes it. size: documents of a part.
    """

    source: Input
    file: int
    ordinal: int
    size: int

    def __iter__(self) -> Iterator[list[Source]]:
        part: list[Source] = []
        characters = 0
        for source in self.source.sources(self.file, self.ordinal):
            part.append(source)
            characters += source.size
            if len(part) == self.size or characters >= PART_CHARACTERS:
                yield part
                part, characters = [], 0
        if part:
            yield part
