"""What stays of a config where a component has only some of its tasks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from ..models.topologies.base import named_tasks
from ..pipeline.component import MultiTask

ABSENT, AUXILIARY = "absent", "auxiliary"  # the component's settings


def block_of(block: dict[str, Any], component: MultiTask, kept: Collection[str]) -> dict[str, Any]:
    """A component's block for some of its tasks: what is by task is for these alone, and those
    that the topology names besides are said to be absent.

    block: of [components]. component: what the whole config makes.
    """
    found: dict[str, Any] = by_task(block, component.tasks, kept)
    if AUXILIARY in found:
        found[AUXILIARY] = [name for name in found[AUXILIARY] if name in kept]
    known = [*block.get(ABSENT, ()), *named_tasks(component.model)]
    if absent := [name for name in dict.fromkeys(known) if name not in kept]:
        found[ABSENT] = absent
    return found


def by_task(value: Any, tasks: Collection[str], kept: Collection[str]) -> Any:
    """A part of a block in which all that is by task (tasks, labels, weights) is for `kept`."""
    if not isinstance(value, dict):
        return value
    keys = [key for key in value if key in kept] if set(value) <= set(tasks) else list(value)
    return {key: by_task(value[key], tasks, kept) for key in keys}


def place_of(pattern: str) -> tuple[str, str]:
    """The component that a pattern of layers speaks of, and what stands next in it, which in a
    `multitask` may be a task: ("multitask", "ner")."""
    component, _, path = pattern.strip("\"'").partition(".")
    return component, path.partition(".")[0]


def upstreams(block: Any) -> Iterator[str]:
    """The encoders that the listeners in a block name."""
    if isinstance(block, dict):
        if "upstream" in block:
            yield str(block["upstream"])
        for inner in block.values():
            yield from upstreams(inner)
