"""A task for each layer of annotation that has something to learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..corpora.layer_coverage import REJECTED, Layer
from ..layers import Found, LayerCoverage, layer_named
from ..layers.proposals import Block
from ..pipeline.score_names import RESERVED
from ..registry import registry


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
) -> list[ProposedTask]:
    """A task for each layer that has something to learn.

    Rejected spans have none: the task of the entities learns from them, as a CRF.

    known: What the training files have.
    everything: What all files have. A class group is exclusive if each training document has one
        class, and none of the others several; spans of a group overlap if they do in any.
    pretrained: Whether the encoder is a pretrained transformer.
    """
    tasks: list[ProposedTask] = []
    learned = {layer.kind for layer in known}.difference(unlearned(known))
    beside_words = any(layer_named(kind).of_words for kind in learned)
    for layer, coverage in known.items():
        # Documents of dev that have no class measure how well texts of no class are refused.
        one_class = coverage.exclusive and not everything[layer].has_several
        exclusive = layer.kind == "cats" and one_class
        nothing = layer_named(layer.kind).has_labels and len(coverage.labels) <= int(exclusive)
        if layer == REJECTED or nothing:
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


def unlearned(known: Mapping[Layer, LayerCoverage]) -> list[str]:
    """The layers for which there is no task."""
    kinds = dict.fromkeys(layer.kind for layer in known)
    return [kind for kind in kinds if layer_named(kind).propose(Found()) is None]


def _main_score(name: str, settings: Block) -> str:
    """The key of the main score that the task itself names, under its own name."""
    task = registry.resolve({"task": settings})["task"]
    task.name = name
    return f"{name}_{task.own_key(task.main_score)}"
