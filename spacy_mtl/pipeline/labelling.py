"""The labels of the component's tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from spacy.vocab import Vocab
from thinc.api import Model

from ..errors import MTLError
from ..models.topologies.base import resize_head
from ..tasks.base import Task
from ..tasks.capable import Labelled
from .labels import check_groups, qualified, split_label


class Labelling:
    """The component's labels, task by task."""

    name: str
    vocab: Vocab
    model: Model
    tasks: dict[str, Task]
    auxiliary: set[str]

    @property
    def output_tasks(self) -> dict[str, Task]:
        """The tasks that are predicted and scored: all but the auxiliary ones."""
        return {name: task for name, task in self.tasks.items() if name not in self.auxiliary}

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels that are predicted, each behind its task's name: "ner:PER"."""
        return tuple(
            qualified(name, own)
            for name, labels in self.label_data.items()
            if name not in self.auxiliary
            for own in labels
        )

    @property
    def label_data(self) -> dict[str, list[str]]:
        """What `spacy init labels` writes and `initialize` takes: the labels of each task."""
        return {name: list(task.labels) for name, task in self.labelled_tasks.items()}

    @cached_property
    def labelled_tasks(self) -> dict[str, Labelled]:
        """The tasks that have labels."""
        return {name: task for name, task in self.tasks.items() if isinstance(task, Labelled)}

    def set_labels(self, labels: Mapping[str, Iterable[str]]) -> None:
        """Give each task its labels, which the heads' sizes must fit."""
        for name, own in labels.items():
            self.labelled_tasks[name].set_labels(own)
            for label in own:
                self.vocab.strings.add(label)

    def task(self, name: str) -> Task:
        """RAISES (MTLError): If there is none of this name."""
        if name not in self.tasks:
            known = ", ".join(self.tasks) or "none"
            raise MTLError(f"Expected a task of '{self.name}' ({known}), got '{name}'.")
        return self.tasks[name]

    def labels_for(self, task: str) -> tuple[str, ...]:
        """The labels of one task, as its annotation has them; none if it has no labels."""
        found = self.task(task)
        return found.labels if isinstance(found, Labelled) else ()

    def add_label(self, label: str) -> int:
        """Add "TASK:LABEL"; 0 if it is there already, otherwise 1.

        On an initialized model the head grows, the new label starting at zero scores. Train
        it with examples of the old labels too, or these are forgotten.
        """
        tasks = self.labelled_tasks
        name, own = split_label(label, list(tasks))
        task = tasks[name]
        if own in task.labels:
            return 0
        old = self.label_data
        labels = {**old, name: [*task.labels, own]}
        check_groups(self.output_tasks, labels)
        before = task.columns
        try:
            self.set_labels(labels)
        except MTLError:  # the task has taken it already
            self.set_labels(old)
            raise
        resize_head(self.model, name, before, task.columns)
        return 1
