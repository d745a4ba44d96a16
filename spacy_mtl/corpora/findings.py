"""What an audit gives, and how it words it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..layers import LayerCoverage
from .layer_coverage import Layer

FEW = 10  # number of examples below which a label is called rare
_MAX_LABELS = 8

Layers = Mapping[Layer, LayerCoverage]


class Finding(NamedTuple):
    """Something that hurts.

    kind: What it is, for machines: "unlabelled", "no-user-data", "broken-entities",
        "contradiction", "overlap", "unlearnable", "unseen-labels", "unscored", "label-sets",
        "no-labels", "positives-only", "sparse", "imbalance", "rare-labels", "not-exclusive",
        "empty-labels", "overlapping-spans", "blank-ends", "crossing-sentences",
        "single-sentences", "value-or-class", "constant-values";
        of a config "unset-layer".
    message: What was found where, what follows, and what to do about it.
    """

    kind: str
    message: str


def of_kind(known: Layers, *kinds: str) -> Iterable[tuple[Layer, LayerCoverage]]:
    """Those of the layers that are of one of these kinds, groups each by itself."""
    return [(layer, found) for layer, found in known.items() if layer.kind in kinds]


def listed(labels: Mapping[str, int]) -> str:
    """The most frequent labels, each with its number."""
    ranked = sorted(labels.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{label} ({n:,})" for label, n in ranked[:_MAX_LABELS])
    return shown + (f" and {len(ranked) - _MAX_LABELS:,} more" if len(ranked) > _MAX_LABELS else "")
