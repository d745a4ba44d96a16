"""Texts that stand several times, and where their annotations contradict each other."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

from spacy.strings import get_string_id
from spacy.tokens import Doc, SpanGroup

from .layer_coverage import REJECTED, TAG_ATTRS, Layer
from .layers import class_group

Labelled = tuple[Layer, Hashable, str]  # what is labelled in a layer, and its value


class Version(NamedTuple):
    """The annotation that a text has at one of its places, on the text without whitespace.

    ends: Number of characters up to the end of each token.
    tokens: The values of all tokens in each layer, None where one is missing.
    spans: The spans of each group, as (first character, end, label).
    cats: The classes of each group, and whether they apply.
    """

    ends: tuple[int, ...]
    tokens: tuple[tuple[Layer, tuple[str | None, ...]], ...]
    spans: tuple[tuple[Layer, tuple[tuple[int, int, str], ...]], ...]
    cats: tuple[tuple[Layer, tuple[tuple[str, bool], ...]], ...]


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
    for version in repeated.versions:
        yield from _token_units(version)
        for layer, spans in version.spans:
            text = bare(repeated.text)
            listed = [f"{label} {text[start:end]!r}" for start, end, label in spans]
            yield layer, "", ", ".join(listed) or "none"
        for layer, classes in version.cats:
            yield from _class_units(layer, classes, layer in exclusive)


def _token_units(version: Version) -> Iterator[Labelled]:
    """The tokens that are labelled; one of whitespace has no place in the text without it."""
    borders = list(pairwise((0, *version.ends)))
    for layer, values in version.tokens:
        for (start, end), value in zip(borders, values, strict=True):
            if value is not None and start < end:
                yield layer, (start, end), value


def _class_units(
    layer: Layer, classes: tuple[tuple[str, bool], ...], exclusive: bool
) -> Iterator[Labelled]:
    """Which class it is of an exclusive group, and each class by itself."""
    if exclusive:
        yield from ((layer, "", key) for key, applies in classes if applies)
    yield from ((layer, key, "1.0" if applies else "0.0") for key, applies in classes)


def _shown(unit: Hashable, repeated: Repeated) -> str:
    return bare(repeated.text)[slice(*unit)] if isinstance(unit, tuple) else str(unit)


def _version(doc: Doc) -> Version:
    ends = tuple(accumulate(len(bare(token.text)) for token in doc))
    groups = ((Layer("spans", key), spans) for key, spans in doc.spans.items())
    classes: dict[Layer, list[tuple[str, bool]]] = {}
    for key, value in sorted(doc.cats.items()):
        classes.setdefault(Layer("cats", class_group(key)), []).append((key, value >= 0.5))
    return Version(
        ends,
        tuple(pair for pair in _token_layers(doc) if any(value is not None for value in pair[1])),
        tuple((layer, _on_text(spans, ends)) for layer, spans in groups if layer != REJECTED),
        tuple((layer, tuple(each)) for layer, each in classes.items()),
    )


def _token_layers(doc: Doc) -> Iterator[tuple[Layer, tuple[str | None, ...]]]:
    strings = doc.vocab.strings
    for kind, attr in TAG_ATTRS.items():
        values = doc.to_array([attr]).tolist()
        yield Layer(kind), tuple(strings[value] if value else None for value in values)
    pairs = ((token.ent_iob_, token.ent_type_) for token in doc)
    yield Layer("ents"), tuple("-".join(filter(None, pair)) or None for pair in pairs)


def _on_text(spans: SpanGroup, ends: tuple[int, ...]) -> tuple[tuple[int, int, str], ...]:
    starts = (0, *ends)
    return tuple(sorted((starts[s.start], starts[s.end], s.label_) for s in spans))
