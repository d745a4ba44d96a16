"""What in the corpora will hurt training or its evaluation, in words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from textwrap import shorten

from ..layers import LayerCoverage, table
from .coverage import Coverage, combine, unseen_labels
from .findings import FEW, Finding, Layers, listed, of_kind
from .layer_coverage import REJECTED, Layer
from .repeats import contradictions
from .sentence_findings import learns_sentences, single_sentences
from .span_findings import (
    blank_ends,
    broken_entities,
    crossing_sentences,
    empty_labels,
    label_sets,
    overlapping_spans,
)
from .value_findings import constant_values, value_or_class

SPARSE = 0.1  # share of labelled units below which a layer is called sparse
MAJORITY = 0.95  # share of Docs with one class from which on its group is called imbalanced
NEARLY_ALL = 0.95  # share of Docs with one class from which on the others look like mistakes
_MAX_TEXT = 60  # characters of an example


def audit(
    train: Sequence[Coverage],
    held_out: Sequence[Coverage],
    layers: Collection[Layer] | None = None,
) -> list[Finding]:
    """Look for what hurts.

    train: The training files.
    held_out: The files to evaluate on; there may be none.
    layers: What is to be learned; None for all that tasks learn from.
    """
    unlabelled = _unlabelled([*train, *held_out])
    has_sentences = learns_sentences(combine(train))
    train, held_out = (_with_tasks(each, layers, has_sentences) for each in (train, held_out))
    known = combine(train)
    files = [*train, *held_out]
    return [
        *unlabelled,
        *_without_user_data(files),
        *broken_entities(files),
        *_contradictions(files, layers),
        *value_or_class(files),
        *_overlap(train, held_out),
        *_unlearnable(known, held_out),
        *_unseen_labels(known, held_out),
        *(_unscored(known, combine(held_out)) if held_out else ()),
        *label_sets(train),
        *_no_labels(known, held_out),
        *_positives_only(known, held_out),
        *_sparse(train),
        *_imbalance(known),
        *_rare_labels(known),
        *_not_exclusive(known),
        *constant_values(known),
        *empty_labels(known),
        *overlapping_spans(known),
        *blank_ends(known),
        *crossing_sentences(known),
        *single_sentences(known, held_out),
    ]


def _unlabelled(files: Sequence[Coverage]) -> Iterator[Finding]:
    for file in files:
        if all(layer.kind == "sents" for layer in file.layers):
            cure = (
                "Look at how it was made, with `spacy mtl convert --cats-from` or `--columns` for "
                "example."
            )
            if file.unknown:
                cure = (
                    f"Its docs have {', '.join(sorted(file.unknown))}, which no layer here has: if "
                    "it is a layer of your own, give the file of its code with --code FILE."
                )
            yield Finding(
                "unlabelled",
                f"Nothing in the {file.docs:,} docs of {file.path} is labelled: no word, "
                f"span or document. It teaches and measures nothing. {cure}",
            )


def _without_user_data(files: Sequence[Coverage]) -> Iterator[Finding]:
    """Files that cannot have a layer of the table, whatever the Docs had that were saved."""
    names = [name for name, layer in table().items() if layer.in_user_data]
    for file in files:
        if names and not file.has_user_data:
            yield Finding(
                "no-user-data",
                f"{file.path} was saved without Doc.user_data, in which {', '.join(names)} would "
                "be: if its docs had some, that is lost. Save them with "
                "DocBin(store_user_data=True), or convert the source again.",
            )


def _contradictions(
    files: Sequence[Coverage], layers: Collection[Layer] | None
) -> Iterator[Finding]:
    exclusive = [layer for layer, found in combine(files).items() if found.exclusive]
    repeated = {file.path: file.repeated for file in files}
    for layer, found in contradictions(repeated, exclusive).items():
        if layers is not None and layer not in layers:
            continue
        text, unit, (one, other), (here, there) = found[0]
        at = f", {unit!r}" if unit else ""
        example = shorten(text, _MAX_TEXT, placeholder=" ...")
        one, other = (shorten(value, _MAX_TEXT, placeholder=" ...") for value in (one, other))
        said = f"{one} in {here}, {other} in {there}"
        if here == there:
            said = f"{one} and {other}, both in {here}"
        yield Finding(
            "contradiction",
            f"{len(found):,} {'text stands' if len(found) == 1 else 'texts stand'} several times "
            f"with contradicting {layer}, such as {example!r}{at}: {said}. No model can get both "
            "right. Correct what is wrong, or keep one of them.",
        )


def _with_tasks(
    files: Sequence[Coverage], layers: Collection[Layer] | None, has_sentences: bool
) -> list[Coverage]:
    """The files with the layers that tasks learn from; rejected spans are none of their own.

    has_sentences: Whether a task learns where sentences begin.
    """

    def counts(layer: Layer) -> bool:
        learned = layer.has_task and (has_sentences or layer.kind != "sents")
        return learned and layer != REJECTED and (layers is None or layer in layers)

    return [
        replace(file, layers={layer: v for layer, v in file.layers.items() if counts(layer)})
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
                f"{dev.path} has labels of {layer} that no training file has: {listed(labels)}. "
                "They cannot be learned. Check how they are spelled, or split the data anew.",
            )


def _unscored(known: Layers, measured: Layers) -> Iterator[Finding]:
    if layers := [str(layer) for layer in known if layer not in measured]:
        yield Finding(
            "unscored",
            f"The training files have {', '.join(layers)}, which no held-out file has, so that "
            "nothing tells how well it is learned.",
        )


def _no_labels(known: Layers, held_out: Sequence[Coverage]) -> Iterator[Finding]:
    for layer, found in of_kind(known, "ents", "spans", "cats"):
        what = {"ents": "an entity", "spans": "a span"}.get(layer.kind, "having a class")
        if not found.labels.total():
            yield Finding(
                "no-labels",
                f"{found.units:,} training {layer.unit} are labelled with {layer}, none of them "
                f"as {what}, which teaches that there is none. If nobody looked, leave the "
                "layer out with `spacy mtl convert --layers`.",
            )
            continue
        for dev in held_out:
            if layer in dev.layers and not dev.layers[layer].labels.total():
                yield Finding(
                    "no-labels",
                    f"{dev.path} has {layer}, but nothing in it is labelled as {what}, so that "
                    "no F-score can be measured on it. If nobody looked, leave the layer out "
                    "with `spacy mtl convert --layers`.",
                )


def _positives_only(known: Layers, held_out: Sequence[Coverage]) -> Iterator[Finding]:
    """Class groups, or classes of them, that nothing says of that they do not apply."""
    for layer, found in of_kind(known, "cats"):
        positives = {
            label: n for label, n in found.labels.items() if n and not found.negatives[label]
        }
        if not positives or (found.exclusive and len(found.labels) > 1):
            continue
        if len(found.labels) == 1:
            cure = "Write 0.0 for the class in docs that are known not to have it."
        else:
            cure = (
                "If the classes that a doc does not name do not apply to it, convert with "
                "--others-negative, or set `others_negative = true` in the task's block of the "
                "config. Otherwise write 0.0 where a class is known not to apply."
            )
        yield Finding(
            "positives-only",
            f"No training doc says (by 0.0) that one of these classes of {layer} does not apply: "
            f"{listed(positives)}. So their score becomes 1 for every text. {cure}",
        )
    for dev in held_out:
        for layer, found in dev.layers.items():
            learned = known.get(layer, LayerCoverage())
            if learned.negatives and not (learned.exclusive or found.negatives):
                yield Finding(
                    "positives-only",
                    f"{dev.path} says of no class of {layer} that it does not apply (0.0), so that "
                    "a wrong class costs nothing there. Convert it as the training files.",
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
    for layer, found in of_kind(known, "cats"):
        label, n = found.labels.most_common(1)[0]
        if n > MAJORITY * found.units:
            yield Finding(
                "imbalance",
                f"{n / found.units:.1%} of the training docs labelled with {layer} are {label!r}: "
                "a model that always says so looks good. Compare the F-scores of the labels, "
                "and find more examples of the others.",
            )


def _rare_labels(known: Layers) -> Iterator[Finding]:
    for layer, found in of_kind(known, "ents", "spans", "cats"):
        rare = {label: n for label, n in found.labels.items() if n < FEW}
        if rare:
            yield Finding(
                "rare-labels",
                f"Labels of {layer} with fewer than {FEW} training examples: {listed(rare)}. "
                "They will hardly be learned. Find more, merge them, or leave them out.",
            )


def _not_exclusive(known: Layers) -> Iterator[Finding]:
    for layer, found in of_kind(known, "cats"):
        if not found.exclusive and found.one_class >= NEARLY_ALL * found.units:
            yield Finding(
                "not-exclusive",
                f"{found.units - found.one_class:,} of the {found.units:,} training docs labelled "
                f"with {layer} have no class or several, so it counts as multi-label. If each "
                "should have one, correct them.",
            )
