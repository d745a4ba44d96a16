"""What a layer proposes to `spacy mtl init-config`: the block of a task that learns it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_NAME = 50  # characters, which may have four bytes each

Block = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """What the files have of a layer, or of one group of it.

    group: The key in `Doc.spans`, or what stands before the "=" in keys of `Doc.cats`; else "".
    labels: Those of the training files, sorted.
    exclusive: Of a class group, whether each document has one class.
    counts: How often each of these labels occurs.
    overlapping: Of a span group, whether spans of a document overlap.
    lengths: Of a span group, how many training spans have so many tokens.
    docs, words: How many documents have it, and their mean length in tokens.
    rejected: Whether there are spans that are known to be no entities.
    beside_words: Whether tasks of words or spans learn from the same files.
    pretrained: Whether the encoder is a pretrained transformer.
    sentences: Of a layer that says where sentences begin, their mean number in a document.
    first: Whether no other task learns from this layer.
    taken: Names that the task cannot have.
    reserved: Names that it cannot have as spaCy's own scores begin with them.
    """

    group: str = ""
    labels: tuple[str, ...] = ()
    exclusive: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    overlapping: bool = False
    lengths: Mapping[int, int] = field(default_factory=dict)
    docs: int = 0
    words: float = 0.0
    rejected: bool = False
    beside_words: bool = False
    pretrained: bool = False
    sentences: float | None = None
    first: bool = True
    taken: frozenset[str] = frozenset()
    reserved: frozenset[str] = frozenset()

    def name(self, wanted: str, default: str = "task") -> str:
        """A name that the task can have, as near to the wanted one as can be."""
        return unique(identifier(wanted) or default, self.taken | self.reserved)


@dataclass(frozen=True)
class Suggestion:
    """A task for a layer.

    name: Of the task, in the config.
    settings: Its block there.
    score: The key of its main score; "" for the one that the task itself names.
    comments: Why some settings are as they are, by their names, for the config.
    """

    name: str
    settings: Block
    score: str = ""
    comments: Mapping[str, str] = field(default_factory=dict)


def identifier(name: str) -> str:
    """The name with letters, digits and "_" alone, as a section of a config can have it.

    It is short enough, also with a suffix, for a file.
    """
    return re.sub(r"\W+", "_", name).strip("_")[:MAX_NAME]


def unique(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind it if it is taken, be it in small or capital letters."""
    number = 1
    free = name
    folded = {other.casefold() for other in taken}  # some file systems take them for the same
    while free.casefold() in folded:
        number += 1
        free = f"{name}_{number}"
    return free
