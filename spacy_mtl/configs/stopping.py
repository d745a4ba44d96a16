"""When a proposed config stops its tasks, one by one."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..layers.proposals import Block
from ..registry import registry
from ..tasks.base import Task
from ..tasks.labels import LabelledTask

PATIENCE = 1000  # steps
COMMENTS = {
    "training.before_update.patience": "A task whose score has not risen for so many steps has "
    "learned enough: it stops, and goes on to say what it said at its best, while the other tasks "
    "go on."
}


def stopping(tasks: Mapping[str, Task], measured: Collection[str]) -> Block | None:
    """The callback of [training.before_update] for these tasks; None for one alone, which
    [training.patience] stops.

    measured: the names of those that dev has annotation for. The others never stop, nor do tasks
        without labels, whose answers cannot be distilled.
    """
    if len(tasks) < 2:
        return None
    labelled = {name for name, task in tasks.items() if isinstance(task, LabelledTask)}
    others = set(tasks) - (labelled & set(measured))
    block: Block = {
        "@callbacks": "spacy_mtl.unfreeze.v2",
        "patience": PATIENCE,
        "protect": "distill",
        "tasks": {name: {"patience": None} for name in tasks if name in others},
    }
    filled: Block = registry.fill({"callback": block})["callback"]
    return filled
