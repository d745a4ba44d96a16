"""A task for each layer of annotation that has something to learn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..corpora.coverage import Coverage
from ..corpora.layer_coverage import REJECTED, Layer
from ..corpora.sentence_findings import MORE_SENTENCES
from ..errors import MTLError
from ..layers import Found, LayerCoverage, layer_named
from ..layers.class_settings import SHORT
from ..layers.proposals import Block
from ..pipeline.score_names import RESERVED
from ..registry import registry
from ..tasks.base import Task


@dataclass(frozen=True)
class ProposedTask:
    """A task for a layer.

    name: Of the task, in the config.
    layer: What it learns.
    settings: Its block in the config.
    labels: Those of the training files, sorted.
    score: The key of its main score.
    comments: Why some settings are as they are, by their names.
    """

    name: str
    layer: Layer
    settings: Block
    labels: list[str]
    score: str
    comments: Mapping[str, str]


def propose_tasks(
    known: Mapping[Layer, LayerCoverage],
    everything: Mapping[Layer, LayerCoverage],
    pretrained: bool = False,
    names: Collection[str] = (),
) -> list[ProposedTask]:
    """A task for each layer that has something to learn, or those of them that are named.

    Rejected spans have none: the task of the entities learns from them, as a CRF.

    known: What the training files have.
    everything: What all files have. A class group is exclusive if each training document has one
        class, and none of the others several; spans of a group overlap if they do in any.
    pretrained: Whether the encoder is a pretrained transformer.
    names: Of the tasks; none for all.
    RAISES (MTLError): If a name is none of those that the tasks have.
    """
    learned = {layer.kind for layer in known}.difference(unlearned(known))
    tasks = _propose_all(known, everything, pretrained, learned)
    if unknown := [name for name in names if all(name != task.name for task in tasks)]:
        raise MTLError(
            f"Expected tasks out of {', '.join(task.name for task in tasks) or 'none'}, as the "
            f"training files have annotation for these, got {', '.join(unknown)}."
            f"{_no_boundaries(known, tasks)}"
        )
    chosen = [task for task in tasks if task.name in names] if names else _without_doubles(tasks)
    learned = {task.layer.kind for task in chosen}
    tasks = _propose_all(known, everything, pretrained, learned)  # what is beside them changed
    return [task for task in tasks if any(task.name == each.name for each in chosen)]


def _no_boundaries(known: Collection[Layer], tasks: Sequence[ProposedTask]) -> str:
    """Why no task finds sentences alone, where some are known."""
    sentences = Layer("sents")
    if sentences not in known or any(task.layer == sentences for task in tasks):
        return ""
    return f" Docs of one sentence teach no task where sentences begin. {MORE_SENTENCES}"


def _propose_all(
    known: Mapping[Layer, LayerCoverage],
    everything: Mapping[Layer, LayerCoverage],
    pretrained: bool,
    learned: Collection[str],
) -> list[ProposedTask]:
    """All tasks, as they are in a pipeline that learns these kinds of layers."""
    tasks: list[ProposedTask] = []
    beside_words = any(layer_named(kind).of_words for kind in learned)
    for layer, coverage in known.items():
        # Documents of dev that have no class measure how well texts of no class are refused.
        one_class = coverage.exclusive and not everything[layer].has_several
        exclusive = layer.kind == "cats" and one_class
        nothing = layer_named(layer.kind).has_labels and len(coverage.labels) <= int(exclusive)
        if layer == REJECTED or nothing or coverage.numbers.is_constant:
            continue
        found = Found(
            group=layer.group,
            labels=tuple(sorted(coverage.labels)),
            exclusive=exclusive,
            counts=dict(coverage.labels),
            overlapping=everything[layer].overlapping > 0,
            lengths=dict(coverage.lengths),
            docs=coverage.docs,
            words=coverage.words / max(coverage.docs, 1),
            rejected=REJECTED in known,
            beside_words=beside_words,
            pretrained=pretrained,
            sentences=coverage.sentences_per_doc,
            first=all(task.layer.kind != layer.kind for task in tasks),
            taken=frozenset(task.name for task in tasks),
            reserved=frozenset(RESERVED),
        )
        suggested = layer_named(layer.kind).propose(found)
        if suggested is not None:
            name, settings = suggested.name, suggested.settings
            score = suggested.score or _main_score(name, settings)
            labels, comments = [*found.labels], suggested.comments
            tasks.append(ProposedTask(name, layer, settings, labels, score, comments))
    return tasks


def _without_doubles(tasks: Sequence[ProposedTask]) -> list[ProposedTask]:
    """Those that write nothing that an earlier one writes, but for classes: the parser finds
    sentences itself."""
    kept: list[ProposedTask] = []
    written: set[str] = {"doc.cats"}
    for task in tasks:
        assigns = set(_made(task.name, task.settings).assigns) - {"doc.cats"}
        if written.isdisjoint(assigns):
            kept.append(task)
            written |= assigns
    return kept


def of_long_texts(tasks: Sequence[ProposedTask], known: Mapping[Layer, LayerCoverage]) -> list[str]:
    """The names of the tasks that decide by n-grams of documents which are not short."""
    return [
        task.name
        for task in tasks
        if "ngram_rows" in task.settings
        and known[task.layer].words >= SHORT * known[task.layer].docs
    ]


def useless_files(files: Sequence[Coverage], tasks: Sequence[ProposedTask]) -> list[Coverage]:
    """The files from which none of the tasks learns."""
    layers = {task.layer for task in tasks}
    for task in tasks:
        kinds = _made(task.name, task.settings).layers
        layers.update(Layer(kind) for kind in kinds if kind != task.layer.kind)
    if any(layer.kind == "ents" for layer in layers):
        layers.add(REJECTED)
    return [file for file in files if layers.isdisjoint(file.layers)]


def unlearned(known: Mapping[Layer, LayerCoverage]) -> list[str]:
    """The layers for which there is no task."""
    kinds = dict.fromkeys(layer.kind for layer in known)
    return [kind for kind in kinds if layer_named(kind).propose(Found()) is None]


def _main_score(name: str, settings: Block) -> str:
    """The key of the main score that the task itself names, under its own name."""
    task = _made(name, settings)
    return f"{name}_{task.own_key(task.main_score)}"


def _made(name: str, settings: Block) -> Task:
    task: Task = registry.resolve({"task": settings})["task"]
    task.name = name
    return task
