"""Where the tasks' labels come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from spacy.training import Example

from ..errors import MTLError
from ..tasks.base import Task
from ..tasks.capable import Labelled, Valued


def qualified(task: str, label: str) -> str:
    """The label as the component shows it: "ner:PER"."""
    return f"{task}:{label}"


def split_label(label: str, tasks: Sequence[str]) -> tuple[str, str]:
    """The task and its own label, from "ner:PER"."""
    task, colon, own = label.partition(":")
    if not colon or not own or task not in tasks:
        raise MTLError(
            f"Expected a label as TASK:LABEL with TASK one of {', '.join(tasks) or 'none'}, "
            f"got '{label}'."
        )
    return task, own


def check_groups(tasks: Mapping[str, Task], labels: Mapping[str, Iterable[str]]) -> None:
    """RAISES (MTLError): If two of these tasks that write the same attribute would share one of
    `labels`, or one of `doc.cats` takes for a class what another takes as a number."""
    owner: dict[tuple[str, str], str] = {}
    for name, task in tasks.items():
        keys = task.value_keys if isinstance(task, Valued) else ()
        owner.update((("doc.cats", key), name) for key in keys)
    for name, own in ((name, own) for name, own in labels.items() if name in tasks):
        for written, label in product(tasks[name].assigns, own):
            other = owner.setdefault((written, label), name)
            if other != name:
                raise MTLError(
                    f"Expected each label of {written} in one task, got '{label}' in "
                    f"'{other}' and '{name}'. Remove it from one of them."
                )


class LabelSource:
    """Labels from the config where it gives them, from the examples otherwise."""

    _examples: list[Example] | None = None

    def __init__(
        self, component: str, tasks: dict[str, Task], given: Mapping[str, Any] | None
    ) -> None:
        self._where = f"[initialize.components.{component}.labels]"
        self._tasks = tasks
        # A reader of labels gives None where there is no file, as for stock components.
        self._given = {name: own for name, own in (given or {}).items() if own is not None}
        if not tasks:
            raise MTLError(
                f"Expected at least one task in [components.{component}.tasks], got none. "
                f"Add a block such as [components.{component}.tasks.ner] with @mtl_tasks = "
                '"spacy_mtl.NER.v1".'
            )
        self._labelled = {name: t for name, t in tasks.items() if isinstance(t, Labelled)}
        unknown = sorted(set(self._given) - set(self._labelled))
        if unknown:
            raise MTLError(
                f"Expected labels of the tasks {', '.join(self._labelled)} in {self._where}, "
                f"got {', '.join(unknown)}."
            )

    def collect(self, get_examples: Callable[[], Iterable[Example]]) -> dict[str, list[str]]:
        """The labels of every task.

        RAISES (MTLError): Where a task has none.
        """
        result = {}
        others = list(self._tasks.values())
        for name, task in self._labelled.items():
            if name in self._given:
                result[name] = _extended(task.labels, self._listed(name))
                continue
            examples = self._read(get_examples)
            result[name] = _extended(task.labels, task.find_labels(examples, others))
            if not result[name]:
                raise MTLError(
                    f"Expected labels of the task '{name}' "
                    f"({', '.join(self._tasks[name].assigns)}) in the {len(examples)} examples, "
                    "got none. Check the training corpus, or list the labels in "
                    f"{self._where}."
                )
        return result

    def begin(self, get_examples: Callable[[], Iterable[Example]]) -> None:
        """Show the examples to the tasks that want to see them before training."""
        for task in self._tasks.values():
            if type(task).begin is not Task.begin:
                task.begin(self._read(get_examples), self._tasks)

    def _read(self, get_examples: Callable[[], Iterable[Example]]) -> list[Example]:
        if self._examples is None:
            self._examples = list(get_examples())
        return self._examples

    def _listed(self, name: str) -> list[str]:
        labels = self._given[name]
        if isinstance(labels, str) or not isinstance(labels, Iterable):
            raise MTLError(
                f"Expected a list of labels at '{name}' in {self._where}, got {labels!r}."
            )
        labels = [str(label) for label in labels]
        if not labels or len(set(labels)) < len(labels):
            raise MTLError(
                f"Expected different labels, at least one, at '{name}' in {self._where}, "
                f"got {labels}."
            )
        return labels


def _extended(labels: Iterable[str], others: Iterable[str]) -> list[str]:
    """All labels once, in their order."""
    return list(dict.fromkeys([*labels, *others]))
