"""What Docs have in a layer of annotation, or in one group of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from spacy.tokens import Doc

from ..layers import LayerCoverage, layer_named, table
from ..marks import INCORRECT_SPANS


class Layer(NamedTuple):
    """A layer of annotation, or one group of it.

    kind: A name in the table of layers.
    group: For `spans` the key in `Doc.spans`; for `cats` what stands before the "=" in the
        group's keys, "" for keys without one.
    """

    kind: str
    group: str = ""

    @property
    def unit(self) -> str:
        """What is labelled or not: "tokens" or "docs"."""
        return layer_named(self.kind).unit

    @property
    def has_task(self) -> bool:
        """Whether a task learns from it, so that it matters what it lacks."""
        return layer_named(self.kind).has_task

    def __str__(self) -> str:
        return f"{self.kind}[{self.group}]" if self.group else self.kind


# Spans that are known to be no entities, which no task predicts.
REJECTED = Layer("spans", INCORRECT_SPANS)


def layers_of(doc: Doc) -> Iterator[tuple[Layer, LayerCoverage]]:
    """What one Doc has.

    RAISES (MTLError): Where a class has no number from 0 to 1.
    """
    for name, layer in table().items():
        for group, found in layer.coverages(doc):
            yield Layer(name, group), found
