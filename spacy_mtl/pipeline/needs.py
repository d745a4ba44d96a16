"""What tasks need of each other: which must be there, and which run in which order.

A task needs another one whose decision it uses (`Task.needs`), and one whose scores the topology
shows to it (`topologies.needs`). The first kind runs before it in prediction. Both are trained
with it wherever it is trained without the rest, and both go where it goes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from ..errors import MTLError
from ..models.topologies import base as topologies
from ..models.topologies.base import Sharing
from ..tasks.base import Task

Needs = Mapping[str, Sequence[str]]


def decisions(tasks: Mapping[str, Task]) -> Needs:
    """By task, those whose decisions it uses."""
    return {name: task.needs for name, task in tasks.items()}


def all_needs(tasks: Mapping[str, Task], model: Sharing) -> Needs:
    """By task, those whose decisions it uses or whose scores it sees."""
    seen = topologies.needs(model)
    return {n: list(dict.fromkeys([*t.needs, *seen.get(n, ())])) for n, t in tasks.items()}


def with_needs(needs: Needs, names: Iterable[str]) -> list[str]:
    """These tasks and all that they need, each behind what it needs."""
    ordered: dict[str, None] = {}
    seen: set[str] = set()

    def add(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        for other in needs[name]:
            add(other)
        ordered[name] = None

    for name in names:
        add(name)
    return list(ordered)


def units(needs: Needs) -> list[list[str]]:
    """The tasks in groups that no need goes out of, as small as can be, in the tasks' order."""
    group_of = {name: {name} for name in needs}
    for name, others in needs.items():
        for other in others:
            merged = group_of[name] | group_of[other]
            group_of.update(dict.fromkeys(merged, merged))
    groups = {id(group): group for group in group_of.values()}
    return [[name for name in needs if name in group] for group in groups.values()]


def check_needs(
    tasks: Mapping[str, Task], model: Sharing, component: str, absent: Collection[str] = ()
) -> None:
    """Check that each task has what it needs.

    absent: tasks that may be named although they are not there.
    RAISES (MTLError): If a task needs one that is not there, two need each other's decisions, or
        the topology names a task that is not there.
    """
    where = f"[components.{component}.tasks]"
    for name, others in all_needs(tasks, model).items():
        if unknown := [other for other in others if other not in tasks]:
            raise MTLError(
                f"Expected in {where} what the task '{name}' needs, {', '.join(unknown)}, got "
                f"{', '.join(tasks)}. Add it, or name another one in [components.{component}"
                f".{f'tasks.{name}' if unknown[0] in tasks[name].needs else 'model'}]."
            )
        if path := _cycle(decisions(tasks), [name]):
            raise MTLError(
                f"Expected the tasks of '{component}' not to need each other, got "
                f"{' -> '.join(path)}. Take one of these needs out."
            )
    named = topologies.named_tasks(model)
    if strange := [name for name in named if name not in tasks and name not in absent]:
        raise MTLError(
            f"Expected in [components.{component}.model] names of tasks in {where} "
            f"({', '.join(tasks) or 'none'}), got {', '.join(strange)}. Correct the names or take "
            "them out; of tasks that this component is to be without, put them into its `absent`."
        )


def checked_auxiliary(names: Collection[str], tasks: Collection[str], component: str) -> set[str]:
    """RAISES (MTLError): If there are no such tasks, or no others."""
    if strange := [name for name in names if name not in tasks]:
        raise MTLError(
            f"Expected in `auxiliary` of [components.{component}] names of its tasks "
            f"({', '.join(tasks) or 'none'}), got {', '.join(strange)}. Correct them."
        )
    if names and set(names) == set(tasks):
        raise MTLError(
            f"Expected in [components.{component}] a task that is not in `auxiliary`, got none: "
            "nothing would be predicted."
        )
    return set(names)


def _cycle(needs: Needs, path: list[str]) -> list[str]:
    """The way from the first task of a path back to it, if there is one."""
    for other in needs[path[-1]]:
        if other == path[0]:
            return [*path, other]
        if other in needs and other not in path and (found := _cycle(needs, [*path, other])):
            return found
    return []
