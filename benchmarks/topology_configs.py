"""Configs of topologies on what `spacy mtl init-config` writes for a corpus.

All have the encoder inside `multitask`: the embeddings and window layers of `init-config`. A
topology with layers of its own gets them from the encoder's: what a task sees has passed as many
as with hard sharing, unless it is said. `hard-deep` and `hard-wide` are hard sharing with as many
parameters as the largest of those with layers, and as soft sharing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from .corpora import BenchmarkCorpus
from .proposed import proposed
from .systems import Settings, set_value

DEPTH = 4  # of the encoder that `init-config` writes
ORDER = {"tagger": 0, "pos": 0, "morph": 0, "ner": 1}  # whom others see first; classes come last
Topology = Callable[[Settings, list[str]], Settings]


def config_of(
    corpus: BenchmarkCorpus, system: str, steps: int, changes: Mapping[str, Any]
) -> Settings:
    """What is trained. changes: other settings, by paths as `parse_change` gives them."""
    limits = {"training.max_steps": steps, "training.patience": 0}
    config: Settings = proposed(corpus, limits).interpolate()
    encoder = config["components"].pop("tok2vec")["model"]
    config["nlp"]["pipeline"].remove("tok2vec")
    block = config["components"]["multitask"]
    block["model"] = TOPOLOGIES[system](encoder, list(block["tasks"]))
    for path, value in changes.items():
        set_value(config, path.split("__"), value)
    return config


def _encoder(encoder: Settings, depth: int = DEPTH, width: int | None = None) -> Settings:
    found = deepcopy(encoder)
    found["encode"]["depth"] = depth
    if width is not None:
        found["encode"]["width"] = found["embed"]["width"] = width
    return found


def _layer(encoder: Settings) -> Settings:
    return {**encoder["encode"], "depth": 1}


def _hard(depth: int = DEPTH, width: int | None = None) -> Topology:
    return lambda encoder, tasks: {
        "@architectures": "spacy_mtl.HardSharing.v1",
        "tok2vec": _encoder(encoder, depth, width),
    }


def _soft(strength: float) -> Topology:
    return lambda encoder, tasks: {
        "@architectures": "spacy_mtl.SoftSharing.v1",
        "tok2vec": _encoder(encoder),
        "strength": strength,
    }


def _cross_stitch(**settings: Any) -> Topology:
    return lambda encoder, tasks: {
        "@architectures": "spacy_mtl.CrossStitch.v1",
        "tok2vec": _encoder(encoder, DEPTH - 2),
        "encode": _layer(encoder),
        "depth": 2,
        **settings,
    }


def _stacked(reverse: bool = False, **settings: Any) -> Topology:
    """In the order of the tasks, the other way round with `reverse`."""

    def make(encoder: Settings, tasks: list[str]) -> Settings:
        place = {task: ORDER.get(task, 2) * (-1 if reverse else 1) for task in tasks}
        sees = {task: [other for other in tasks if place[other] < place[task]] for task in tasks}
        return {
            "@architectures": "spacy_mtl.Stacked.v1",
            "tok2vec": _encoder(encoder),
            "encode": _layer(encoder),
            "sees": {task: others for task, others in sees.items() if others},
            **settings,
        }

    return make


def _private(**settings: Any) -> Topology:
    return lambda encoder, tasks: {
        "@architectures": "spacy_mtl.SharedPrivate.v1",
        "tok2vec": _encoder(encoder, DEPTH - 1),
        "encode": _layer(encoder),
        "reversal": 0.0,
        **settings,
    }


TOPOLOGIES: dict[str, Topology] = {
    "hard": _hard(),
    "hard-deep": _hard(depth=DEPTH + 4),
    "hard-wide": _hard(width=192),
    "soft": _soft(0.01),
    "soft-strong": _soft(1.0),
    "cross-stitch": _cross_stitch(),
    "sluice": _cross_stitch(subspaces=2, mix_layers=True),
    "stacked": _stacked(),
    "stacked-stopped": _stacked(stop_gradient=True),
    "stacked-reversed": _stacked(reverse=True),
    "private": _private(),
}


def encoder_parameters(model: Any) -> int:
    """All numbers of a component's model that are not those of heads."""
    heads = {
        node.id
        for name in model.ref_names
        if name.startswith("head:")
        for node in model.get_ref(name).walk()
    }
    return sum(
        int(node.get_param(name).size)
        for node in model.walk()
        if node.id not in heads
        for name in node.param_names
        if node.has_param(name)
    )
