"""What in the corpora will hurt training or its evaluation, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from .coverage import REJECTED, Coverage, Layer, LayerCoverage, combine, unseen_labels

SPARSE = 0.1  # share of labelled units below which a layer is called sparse
MAJORITY = 0.95  # share of Docs with one class from which on its group is called imbalanced
NEARLY_ALL = 0.95  # share of Docs with one class from which on the others look like mistakes
FEW = 10  # number of examples below which a label is called rare
_MAX_LABELS = 8

Layers = Mapping[Layer, LayerCoverage]


class Finding(NamedTuple):
    """Something that hurts.

    kind: What it is, for machines: "overlap", "unseen-labels", "unlearnable", "unscored",
        "label-sets", "sparse", "imbalance", "rare-labels", "not-exclusive", "overlapping-spans".
    message: What was found where, what follows, and what to do about it.
    """

    kind: str
    message: str


def audit(train: Sequence[Coverage], held_out: Sequence[Coverage]) -> list[Finding]:
    """Look for what hurts.

    train: The training files.
    held_out: The files to evaluate on; there may be none.
    """
    train, held_out = map(_without_rejected, (train, held_out))
    known = combine(train)
    return [
        *_overlap(train, held_out),
        *_unlearnable(known, held_out),
        *_unseen_labels(known, held_out),
        *(_unscored(known, combine(held_out)) if held_out else ()),
        *_label_sets(train),
        *_sparse(train),
        *_imbalance(known),
        *_rare_labels(known),
        *_not_exclusive(known),
        *_overlapping_spans(known),
    ]


def _without_rejected(files: Sequence[Coverage]) -> list[Coverage]:
    """Rejected spans are no layer of their own, and teach as they are."""
    return [
        replace(file, layers={k: v for k, v in file.layers.items() if k != REJECTED})
        for file in files
    ]


def _overlap(train: Sequence[Coverage], held_out: Sequence[Coverage]) -> Iterator[Finding]:
    for dev in held_out:
        for file in train:
            if n := dev.texts_in_common(file):
                share = n / len(dev.texts)
                yield Finding(
                    "overlap",
                    f"{n:,} of the {len(dev.texts):,} texts of {dev.path} ({share:.1%}) are in "
                    f"{file.path} too, so scores on it will be too good. Take them out of one "
                    "of the two.",
                )


def _unlearnable(known: Layers, held_out: Sequence[Coverage]) -> Iterator[Finding]:
    for dev in held_out:
        if layers := [str(layer) for layer in dev.layers if layer not in known]:
            yield Finding(
                "unlearnable",
                f"{dev.path} has {', '.join(layers)}, which no training file has. Nothing can "
                "learn it without a file that does.",
            )


def _unseen_labels(known: Layers, held_out: Sequence[Coverage]) -> Iterator[Finding]:
    for dev in held_out:
        for layer, labels in unseen_labels(known, dev).items():
            yield Finding(
                "unseen-labels",
                f"{dev.path} has labels of {layer} that no training file has: {_listed(labels)}. "
                "They cannot be learned. Check how they are spelled, or split the data anew.",
            )


def _unscored(known: Layers, measured: Layers) -> Iterator[Finding]:
    if layers := [str(layer) for layer in known if layer not in measured]:
        yield Finding(
            "unscored",
            f"The training files have {', '.join(layers)}, which no held-out file has, so that "
            "nothing tells how well it is learned.",
        )


def _label_sets(train: Sequence[Coverage]) -> Iterator[Finding]:
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
                    f"{file.path} has {layer}, but none of the labels {_listed(missed)} of the "
                    "other training files. If nobody looked for them, it teaches that they are "
                    "not there. Annotate them, or move one of the label sets to a span group.",
                )


def _sparse(train: Sequence[Coverage]) -> Iterator[Finding]:
    for file in train:
        for layer, found in file.layers.items():
            share = file.share(layer)
            if share < SPARSE:
                total = file.docs if layer.unit == "docs" else file.tokens
                yield Finding(
                    "sparse",
                    f"Only {found.units:,} of the {total:,} {layer.unit} of {file.path} "
                    f"({share:.1%}) are labelled with {layer}. The others count as unknown, not as "
                    "having none, and teach it nothing.",
                )


def _imbalance(known: Layers) -> Iterator[Finding]:
    for layer, found in _of_kind(known, "cats"):
        label, n = found.labels.most_common(1)[0]
        if n > MAJORITY * found.units:
            yield Finding(
                "imbalance",
                f"{n / found.units:.1%} of the training docs labelled with {layer} are {label!r}: "
                "a model that always says so looks good. Compare the F-scores of the labels, "
                "and find more examples of the others.",
            )


def _rare_labels(known: Layers) -> Iterator[Finding]:
    for layer, found in _of_kind(known, "ents", "spans", "cats"):
        rare = {label: n for label, n in found.labels.items() if n < FEW}
        if rare:
            yield Finding(
                "rare-labels",
                f"Labels of {layer} with fewer than {FEW} training examples: {_listed(rare)}. "
                "They will hardly be learned. Find more, merge them, or leave them out.",
            )


def _not_exclusive(known: Layers) -> Iterator[Finding]:
    for layer, found in _of_kind(known, "cats"):
        if not found.exclusive and found.one_class >= NEARLY_ALL * found.units:
            yield Finding(
                "not-exclusive",
                f"{found.units - found.one_class:,} of the {found.units:,} training docs labelled "
                f"with {layer} have no class or several, so it counts as multi-label. If each "
                "should have one, correct them.",
            )


def _overlapping_spans(known: Layers) -> Iterator[Finding]:
    for layer, found in _of_kind(known, "spans"):
        if found.overlapping:
            yield Finding(
                "overlapping-spans",
                f"{found.overlapping:,} of the {found.labels.total():,} training spans of {layer} "
                "overlap an earlier one. spacy_mtl.NER.v1 finds flat spans and learns one of them.",
            )


def _of_kind(known: Layers, *kinds: str) -> Iterable[tuple[Layer, LayerCoverage]]:
    return [(layer, found) for layer, found in known.items() if layer.kind in kinds]


def _listed(labels: Mapping[str, int]) -> str:
    """The most frequent labels, each with its number."""
    ranked = sorted(labels.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{label} ({n:,})" for label, n in ranked[:_MAX_LABELS])
    return listed + (
        f" and {len(ranked) - _MAX_LABELS:,} more" if len(ranked) > _MAX_LABELS else ""
    )
