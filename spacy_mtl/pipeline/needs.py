"""Tasks that need the decisions of others: which run, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import MTLError
from ..tasks.base import Task


def check_needs(tasks: Mapping[str, Task], component: str) -> None:
    """Raise MTLError if a task needs one that is not there, or two need each other."""
    for name, task in tasks.items():
        if unknown := [other for other in task.needs if other not in tasks]:
            raise MTLError(
                f"Expected in [components.{component}.tasks] what the task '{name}' needs, "
                f"{', '.join(unknown)}, got {', '.join(tasks)}. Add it, or name another one in "
                f"[components.{component}.tasks.{name}]."
            )
        path = _cycle(tasks, [name])
        if path:
            raise MTLError(
                f"Expected the tasks of '{component}' not to need each other, got "
                f"{' -> '.join(path)}. Take one of these needs out."
            )


def with_needs(tasks: Mapping[str, Task], names: Iterable[str]) -> list[str]:
    """These tasks and all that they need, each behind what it needs."""
    ordered: dict[str, None] = {}

    def add(name: str) -> None:
        if name not in ordered:
            for other in tasks[name].needs:
                add(other)
            ordered[name] = None

    for name in names:
        add(name)
    return list(ordered)


def _cycle(tasks: Mapping[str, Task], path: list[str]) -> list[str]:
    """The way from the first task of a path back to it, if there is one."""
    for other in tasks[path[-1]].needs:
        if other == path[0]:
            return [*path, other]
        if other in tasks and other not in path and (found := _cycle(tasks, [*path, other])):
            return found
    return []
