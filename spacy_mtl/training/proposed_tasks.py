"""A task for each layer of annotation that has something to learn."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..corpora.coverage import Coverage
from ..corpora.layer_coverage import REJECTED, Layer, LayerCoverage
from ..pipeline.factory import RESERVED

Block = dict[str, Any]

_TAGGERS = {
    "tag": ("tagger", {}),
    "pos": ("pos", {"attr": "POS"}),
    "morph": ("morph", {"attr": "MORPH"}),
}
_STANDARD_KEYS = {"tag": "tag_acc", "pos": "pos_acc", "morph": "morph_acc", "ents": "ents_f"}
SHORT_TEXT = 40  # tokens
MAX_NAME = 50  # characters, which may have four bytes each


@dataclass(frozen=True)
class ProposedTask:
    """A task for a layer.

    name: Of the task, in the config.
    layer: What it learns.
    settings: Its block in the config.
    labels: Those of the training files, sorted.
    score: The key of its main score.
    """

    name: str
    layer: Layer
    settings: Block
    labels: list[str]
    score: str


def propose_tasks(
    known: Mapping[Layer, LayerCoverage],
    everything: Mapping[Layer, LayerCoverage],
    short: Collection[Layer] = (),
) -> list[ProposedTask]:
    """A task for each layer that has something to learn.

    Rejected spans have none: the task of the entities learns from them, as a CRF.

    known: What the training files have.
    everything: What all files have, by which a class group is exclusive or not.
    short: Layers whose documents are short.
    """
    tasks: list[ProposedTask] = []
    for layer, found in known.items():
        if layer == REJECTED:
            continue
        exclusive = layer.kind == "cats" and everything[layer].exclusive
        if len(found.labels) > int(exclusive):
            task = _propose_task(layer, sorted(found.labels), exclusive, tasks)
            if layer.kind == "cats" and layer in short:
                task.settings["ngram_size"] = 2
            if layer.kind == "ents" and REJECTED in known:
                task.settings.update(crf=True, incorrect_spans_key=REJECTED.group)
            tasks.append(task)
    return tasks


def short_texts(files: Sequence[Coverage]) -> set[Layer]:
    """The layers whose documents are so short that pairs of words help to classify them."""
    short = set()
    for layer in {layer for file in files for layer in file.layers}:
        having = [file for file in files if layer in file.layers]
        if sum(file.tokens for file in having) < SHORT_TEXT * sum(file.docs for file in having):
            short.add(layer)
    return short


def dev_score(task: ProposedTask, dev: Coverage) -> str:
    """The task's main score, or F where dev has one class only, whose ranking says nothing."""
    if task.layer.kind == "cats" and len(dev.layers[task.layer].labels) < 2:
        return task.score.replace("_macro_auc", "_score")
    return task.score


def _propose_task(
    layer: Layer, labels: list[str], exclusive: bool, others: Sequence[ProposedTask]
) -> ProposedTask:
    settings: Block
    if layer.kind in _TAGGERS:
        name, settings = _TAGGERS[layer.kind]
        settings = {"@mtl_tasks": "spacy_mtl.Tagger.v1", **settings}
    elif layer.kind == "ents":
        name, settings = "ner", {"@mtl_tasks": "spacy_mtl.NER.v1"}
    elif layer.kind == "spans":
        name = unique(f"spans_{identifier(layer.group)}", {task.name for task in others})
        settings = {"@mtl_tasks": "spacy_mtl.NER.v1", "spans_key": layer.group}
    else:
        taken = RESERVED | {task.name for task in others}
        name = unique(identifier(layer.group) or "textcat", taken)
        settings = {"@mtl_tasks": "spacy_mtl.TextCat.v1", "exclusive": exclusive}
        if layer.group not in ("", name):
            settings["group"] = layer.group
    first = all(task.layer.kind != layer.kind for task in others)
    return ProposedTask(name, layer, settings, labels, _score_key(layer.kind, name, first))


def _score_key(kind: str, name: str, first: bool) -> str:
    if kind == "cats":
        # One checkpoint serves all tasks: on few documents F jumps too much to choose it by.
        return "cats_macro_auc" if first else f"{name}_macro_auc"
    return _STANDARD_KEYS.get(kind, f"{name}_f")


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
