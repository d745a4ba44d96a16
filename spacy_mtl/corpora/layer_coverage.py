"""What Docs have in a layer of annotation: labelled units, and how often each label occurs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc, Span, SpanGroup

from ..marks import INCORRECT_SPANS
from ..tasks.textcat import class_value
from .layers import class_group, count_units

TAG_ATTRS = {"tag": "TAG", "pos": "POS", "morph": "MORPH"}
_INSIDE, _OUTSIDE, _BEGIN = 1, 2, 3  # values of ENT_IOB


class Layer(NamedTuple):
    """A layer of annotation, or one group of it.

    kind: One of `LAYERS`.
    group: For `spans` the key in `Doc.spans`; for `cats` what stands before the "=" in the
        group's keys, "" for keys without one.
    """

    kind: str
    group: str = ""

    @property
    def unit(self) -> str:
        """What is labelled or not: "tokens" or "docs"."""
        return "docs" if self.kind in ("spans", "cats") else "tokens"

    def __str__(self) -> str:
        return f"{self.kind}[{self.group}]" if self.group else self.kind


# Spans that are known to be no entities, which no task predicts.
REJECTED = Layer("spans", INCORRECT_SPANS)


@dataclass
class LayerCoverage:
    """How far a layer is annotated, and with what.

    units: Number of labelled tokens, or Docs for `spans` and `cats`.
    labels: How often each label occurs: tokens, entities, spans, or Docs of a class. A class
        that is only ever said not to apply has 0.
    negatives: Number of Docs of which it is said that a class does not apply, by class.
    one_class: Number of Docs with exactly one class of the group.
    overlapping: Number of spans that overlap an earlier one of their group.
    shapes: Number of Docs by how many classes of the group they have, and of how many it is known
        whether they have them.
    at_blanks: Number of entities or spans that begin or end with a token of whitespace.
    across_sentences: Number of entities in which a sentence begins.
    """

    units: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    negatives: Counter[str] = field(default_factory=Counter)
    one_class: int = 0
    overlapping: int = 0
    shapes: Counter[tuple[int, int]] = field(default_factory=Counter)
    at_blanks: int = 0
    across_sentences: int = 0

    @property
    def exclusive(self) -> bool:
        """Whether every labelled Doc has exactly one class.

        Docs of which only some classes are known, that they have not, may have another one; they
        count so if most Docs are complete.
        """
        n_labels = len(self.labels)
        complete = self.shapes[1, n_labels]
        open_ = sum(n for (has, known), n in self.shapes.items() if not has and known < n_labels)
        if 2 * complete < self.units:
            open_ = 0
        return 0 < self.units == self.one_class + open_

    @property
    def imbalance(self) -> float | None:
        """How many times as often the most frequent label occurs as the rarest that does."""
        counts = [n for n in self.labels.values() if n]
        return max(counts) / min(counts) if len(counts) > 1 else None

    def add(self, other: LayerCoverage) -> None:
        """Add the counts of another."""
        self.units += other.units
        self.labels.update(other.labels)
        self.negatives.update(other.negatives)
        self.one_class += other.one_class
        self.overlapping += other.overlapping
        self.shapes.update(other.shapes)
        self.at_blanks += other.at_blanks
        self.across_sentences += other.across_sentences


def layers_of(doc: Doc) -> Iterator[tuple[Layer, LayerCoverage]]:
    """What one Doc has; raises MTLError where a class has no number from 0 to 1."""
    units = count_units(doc)
    for kind, attr in TAG_ATTRS.items():
        if units[kind]:
            yield Layer(kind), LayerCoverage(units[kind], _count_values(doc, attr))
    if units["ents"]:
        yield Layer("ents"), _entities(doc, units["ents"])
    for key, spans in doc.spans.items():
        yield Layer("spans", key), _span_group(spans)
    groups: dict[str, LayerCoverage] = {}
    for key, value in doc.cats.items():
        found = groups.setdefault(class_group(key), LayerCoverage(1))
        applies = class_value(key, value) >= 0.5
        found.labels[key] += applies
        if not applies:
            found.negatives[key] += 1
    for name, found in groups.items():
        shape = (found.labels.total(), len(found.labels))
        found.one_class = int(shape[0] == 1)
        found.shapes[shape] += 1
        yield Layer("cats", name), found


def count_broken_entities(doc: Doc) -> int:
    """Number of tokens whose ENT_IOB and ENT_TYPE contradict each other.

    They have a type and are in no entity, are in one without a type, or go on with an entity that
    nothing began. This comes of saving one of the two attributes, or of setting them by hand.
    """
    iob, types = _entity_arrays(doc)
    in_entity = (iob == _INSIDE) | (iob == _BEGIN)
    before = numpy.concatenate([[False], in_entity[:-1]])
    return int(numpy.count_nonzero((in_entity != (types != 0)) | (iob == _INSIDE) & ~before))


def _entity_arrays(doc: Doc) -> tuple[NDArray[Any], NDArray[Any]]:
    return doc.to_array(["ENT_IOB"]), doc.to_array(["ENT_TYPE"])


def _entities(doc: Doc, units: int) -> LayerCoverage:
    """Those of `doc.ents`, also where `count_broken_entities` finds some, at which it fails."""
    if count_broken_entities(doc):
        iob, types = _entity_arrays(doc)
        names = [doc.vocab.strings[each] for each in types[iob == _BEGIN].tolist() if each]
        return LayerCoverage(units, Counter(names))
    ents = doc.ents
    return LayerCoverage(
        units,
        Counter(ent.label_ for ent in ents),
        at_blanks=_count_at_blanks(ents),
        across_sentences=sum(any(token.is_sent_start for token in ent[1:]) for ent in ents),
    )


def _span_group(spans: SpanGroup) -> LayerCoverage:
    return LayerCoverage(
        1,
        Counter(span.label_ for span in spans),
        overlapping=_count_overlapping(spans),
        at_blanks=_count_at_blanks(spans),
    )


def _count_values(doc: Doc, attr: str) -> Counter[str]:
    values, counts = numpy.unique(doc.to_array([attr]), return_counts=True)
    strings = doc.vocab.strings
    return Counter(
        {
            strings[value]: n
            for value, n in zip(values.tolist(), counts.tolist(), strict=True)
            if value
        }
    )


def _count_at_blanks(spans: Iterable[Span]) -> int:
    return sum(len(span) > 0 and (span[0].is_space or span[-1].is_space) for span in spans)


def _count_overlapping(spans: SpanGroup) -> int:
    overlapping = end = 0
    for span in sorted(spans, key=lambda span: span.start):
        overlapping += span.start < end
        end = max(end, span.end)
    return overlapping
