"""Layers that a task uses and that nothing in the pipeline sets on raw text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ..corpora.findings import Finding
from ..layers import layer_named
from ..tasks.base import Task


def unset_layers(tasks: Mapping[str, Task], learned: Collection[str]) -> Iterator[Finding]:
    """Say of each task which layers only a component before `multitask` could give it.

    learned: The layers that tasks learn, so that they are predicted.
    """
    assigned = {each for task in tasks.values() for each in task.assigns}
    for name, task in tasks.items():
        for layer in map(layer_named, task.layers):
            if layer.name in learned or not layer.components or assigned & {*layer.assigns}:
                continue
            setters = " or ".join(f"`{component}`" for component in layer.components)
            yield Finding(
                "unset-layer",
                f"The task '{name}' uses {layer.name} ({layer.title}), which no task here "
                f"predicts: raw text has none. Put a component that sets them ({setters}) before "
                "`multitask` in [nlp] pipeline, and into annotating_components of [training], so "
                "that the predicted side has them in training and evaluation too.",
            )
