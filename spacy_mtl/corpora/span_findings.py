"""What in the entities and span groups of the corpora will hurt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .coverage import Coverage, combine
from .findings import FEW, Finding, Layers, listed, of_kind

_NAMES = {"ents": "entities", "spans": "spans", "cats": "docs"}


def broken_entities(files: Sequence[Coverage]) -> Iterator[Finding]:
    """Files in which the two attributes of an entity's tokens contradict each other."""
    for file in files:
        if file.broken_entities:
            yield Finding(
                "broken-entities",
                f"{file.broken_entities:,} tokens of {file.path} have an entity type but are in no "
                "entity, or are in one without a type or a beginning, so that entities are lost. "
                "If it was saved with DocBin(attrs=...), name both ENT_IOB and ENT_TYPE.",
            )


def label_sets(train: Sequence[Coverage]) -> Iterator[Finding]:
    """Span labels that one training file has, and another should have but does not.

    Spans that nobody marked count as none, so that a label that was not looked for is taught to
    be absent. Reported where the rate of the files that have it lets expect `FEW` or more.
    """
    for layer, total in combine(train).items():
        files = [file for file in train if layer in file.layers]
        if layer.kind not in ("ents", "spans") or len(files) < 2:
            continue
        for file in files:
            own = file.layers[layer]
            units_elsewhere = total.units - own.units
            missed = {
                label: n
                for label, n in total.labels.items()
                if not own.labels[label] and n * own.units >= FEW * units_elsewhere
            }
            if missed:
                yield Finding(
                    "label-sets",
                    f"{file.path} has {layer}, but none of the labels {listed(missed)} of the "
                    "other training files. If nobody looked for them, it teaches that they are "
                    "not there. Annotate them, or move one of the label sets to a span group.",
                )


def empty_labels(known: Layers) -> Iterator[Finding]:
    """Layers in which something is labelled with an empty string."""
    for layer, found in of_kind(known, "ents", "spans", "cats"):
        if n := found.labels[""]:
            yield Finding(
                "empty-labels",
                f"{n:,} training {_NAMES[layer.kind]} of {layer} have an empty label. Name it.",
            )


def overlapping_spans(known: Layers) -> Iterator[Finding]:
    """Span groups with spans that overlap, which may be meant so or not."""
    for layer, found in of_kind(known, "spans"):
        if found.overlapping:
            yield Finding(
                "overlapping-spans",
                f"{found.overlapping:,} of the {found.labels.total():,} training spans of {layer} "
                "overlap an earlier one: spacy_mtl.SpanCat.v1 learns them, which `init-config` "
                "chooses then. If none should, correct them, as spacy_mtl.NER.v1, which finds flat "
                "spans, is faster.",
            )


def blank_ends(known: Layers) -> Iterator[Finding]:
    """Layers with spans that have a token of whitespace at an end."""
    for layer, found in of_kind(known, "ents", "spans"):
        if n := found.at_blanks:
            yield Finding(
                "blank-ends",
                f"{n:,} training {_NAMES[layer.kind]} of {layer} begin or end with whitespace, as "
                "none that spacy_mtl.NER.v1 finds does. Correct their borders.",
            )


def crossing_sentences(known: Layers) -> Iterator[Finding]:
    """Entities in which a sentence begins."""
    for _, found in of_kind(known, "ents"):
        if n := found.across_sentences:
            yield Finding(
                "crossing-sentences",
                f"{n:,} training entities have the beginning of a sentence within them. Either "
                "their borders are wrong or those of the sentences.",
            )
