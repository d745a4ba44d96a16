"""Training files that have different labels in the same layer."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ..corpora.coverage import Coverage, combine
from ..corpora.layer_coverage import Layer
from ..layers import layer_named

# A label that should be there this often, by its rate in the other files, is hardly missing by
# chance (by a Poisson distribution, in one of twenty files).
EXPECTED = 3
# Files with the same tags may lack rare ones; other tags make up this share of the other files.
OTHER_TAGS = 0.5
_MAX_LABELS = 8

Labels = dict[str, list[str]]  # by the name of the file


def label_set_notes(layers: Mapping[str, Layer], files: Mapping[str, Coverage]) -> list[str]:
    """A note, if there is reason for one, that files lack labels which others have.

    It says what follows and, after an empty line, shows how a config declares which labels a file
    knows. layers: Of the tasks that take a missing label for a negative, by the task's name.
    files: The training files by the names of their corpora.
    """
    lacking = {
        task: missing for task, layer in layers.items() if (missing := _lacking(layer, files))
    }
    if not lacking:
        return []
    differences = "; ".join(f"in {task}, {_in_words(found)}" for task, found in lacking.items())
    return [
        f"The training files differ in their labels: {differences}. A label that a file does not "
        "have is learned as a negative in all of it. If nobody looked for it there, add to the "
        "config which labels the file knows, and the others are masked in it:\n\n"
        + _declaration(layers, files, lacking)
    ]


def _lacking(layer: Layer, files: Mapping[str, Coverage]) -> Labels:
    """What each file with the layer lacks of its labels, unless that seems to be by chance."""
    lacking: Labels = {}
    for name, file in files.items():
        elsewhere = combine(other for other in files.values() if other is not file).get(layer)
        if layer not in file.layers or elsewhere is None:
            continue
        missing = {k: n for k, n in elsewhere.labels.items() if n and k not in _known(layer, file)}
        if layer_named(layer.kind).by_token:
            differs = sum(missing.values()) > OTHER_TAGS * elsewhere.units
        else:
            expected = EXPECTED * elsewhere.units
            own = file.layers[layer].units
            differs = any(n * own >= expected for n in missing.values())
        if differs:
            lacking[name] = sorted(missing)
    return lacking


def _known(layer: Layer, file: Coverage) -> list[str]:
    """The labels that a file has; of classes also those that it only ever denies."""
    labels = file.layers[layer].labels
    return sorted(label for label, n in labels.items() if n or layer.kind == "cats")


def _declaration(
    layers: Mapping[str, Layer], files: Mapping[str, Coverage], lacking: Mapping[str, Labels]
) -> str:
    """The sections of a config that declare what each file knows that lacks something."""
    sections = []
    for name, file in files.items():
        known = [
            f"{task} = {json.dumps(_known(layers[task], file), ensure_ascii=False)}\n"
            for task, by_file in lacking.items()
            if name in by_file
        ]
        if known:
            sections.append(f"[corpora.train.labels.{name}]\n{''.join(known)}")
    return "\n".join(sections).rstrip()


def _in_words(lacking: Labels) -> str:
    return " and ".join(
        f"{name} has no {', '.join(labels[:_MAX_LABELS])}"
        + (", ..." if len(labels) > _MAX_LABELS else "")
        for name, labels in lacking.items()
    )
