"""Texts that stand several times, and where their annotations contradict each other."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from spacy.strings import get_string_id
from spacy.tokens import Doc

from ..layers import table
from ..layers.cats import APPLIES
from .layer_coverage import Layer

Labelled = tuple[Layer, Hashable, str]  # what is labelled in a layer, and its value
Version = tuple[Labelled, ...]  # all that is said of a text at one of its places


@dataclass
class Repeated:
    """A text that is there several times, with its different annotations in one file, in order."""

    text: str = ""
    versions: dict[Version, None] = field(default_factory=dict)

    def add(self, doc: Doc) -> None:
        """Note the annotation of one more Doc with this text."""
        self.text = self.text or doc.text
        self.versions[_version(doc)] = None


class Contradiction(NamedTuple):
    """Two values of the same unit of the same text.

    text: The text.
    unit: The token or the class; "" for a group as a whole.
    values, paths: What they are, and the files that say so.
    """

    text: str
    unit: str
    values: tuple[str, str]
    paths: tuple[Path, Path]


def text_id(doc: Doc) -> int | None:
    """The same number for texts that differ in whitespace only; None where there is no text."""
    text = bare(doc.text)
    return get_string_id(text) if text else None


def bare(text: str) -> str:
    """The text without its whitespace."""
    return "".join(text.split())


def contradictions(
    files: Mapping[Path, Mapping[int, Repeated]], exclusive: Collection[Layer]
) -> dict[Layer, list[Contradiction]]:
    """The first contradiction in each layer of each text.

    What one annotation says and another leaves open is none.

    files: By file, the texts that stand several times, by their numbers.
    exclusive: The class groups in which a text has one class.
    """
    found: dict[Layer, list[Contradiction]] = {}
    for number in dict.fromkeys(number for texts in files.values() for number in texts):
        places = [(path, texts[number]) for path, texts in files.items() if number in texts]
        for layer, contradiction in _first_in_each_layer(places, exclusive).items():
            found.setdefault(layer, []).append(contradiction)
    return found


def _first_in_each_layer(
    places: Sequence[tuple[Path, Repeated]], exclusive: Collection[Layer]
) -> dict[Layer, Contradiction]:
    known: dict[tuple[Layer, Hashable], tuple[str, Path]] = {}
    found: dict[Layer, Contradiction] = {}
    for path, repeated in places:
        for layer, unit, value in _all_units(repeated, exclusive):
            before, there = known.setdefault((layer, unit), (value, path))
            if before != value and layer not in found:
                found[layer] = Contradiction(
                    repeated.text, _shown(unit, repeated), (before, value), (there, path)
                )
    return found


def _all_units(repeated: Repeated, exclusive: Collection[Layer]) -> Iterator[Labelled]:
    """What is said of each unit, and also which class it is of an exclusive group."""
    for version in repeated.versions:
        for layer, units in groupby(version, key=itemgetter(0)):
            said = [*units]
            if layer in exclusive:
                yield from ((layer, "", str(key)) for _, key, value in said if value == APPLIES)
            yield from said


def _shown(unit: Hashable, repeated: Repeated) -> str:
    return bare(repeated.text)[slice(*unit)] if isinstance(unit, tuple) else str(unit)


def _version(doc: Doc) -> Version:
    borders = [*pairwise((0, *accumulate(len(bare(token.text)) for token in doc)))]
    return tuple(
        (Layer(name, group), unit, value)
        for name, layer in table().items()
        if layer.has_task
        for group, unit, value in layer.statements(doc, borders)
    )
