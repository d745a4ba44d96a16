"""How far the tasks of a corpus are below what they could score, by the evaluations so far."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from spacy.training import Example
from spacy.vocab import Vocab

from ..corpora.layers import present_layers
from ..errors import MTLError
from ..pipeline.component import MultiTask
from ..pipeline.live import multitasks, pipeline_of, task_names
from ..tasks.base import Task
from ..tasks.capable import labels_of
from ..values import values_of

_GROUPED = {"spans": "doc.spans[", "values": "doc._.values["}  # how tasks name their parts


@dataclass
class Annotation:
    """What a corpus has annotation of.

    layers: by their names.
    groups: of spans, and keys of values, as tasks name what they write, "doc.spans['x']".
    classes: the keys of `doc.cats`.
    """

    layers: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, examples: Iterable[Example]) -> Annotation:
        """What at least one of these references has."""
        found = cls()
        for doc in (example.reference for example in examples):
            found.layers |= present_layers(doc)
            found.groups.update(f"doc.spans[{key!r}]" for key in doc.spans)
            found.groups.update(f"doc._.values[{key!r}]" for key in values_of(doc))
            found.classes.update(doc.cats)
        return found

    def trains(self, task: Task) -> bool:
        """Whether there is annotation for the task: of one of its layers, and of that in its own
        classes, groups of spans and keys of values, if it has some."""
        return any(self._has(layer, task) for layer in task.layers)

    def _has(self, layer: str, task: Task) -> bool:
        own: set[str] = set()
        there = self.classes
        if layer == "cats":
            own = set(labels_of(task))
        elif layer in _GROUPED:
            own = {assigned for assigned in task.assigns if assigned.startswith(_GROUPED[layer])}
            there = self.groups
        return layer in self.layers and (not own or not own.isdisjoint(there))


class Gaps:
    """The gap of a corpus: the largest one of the tasks in training that it has annotation for.

    A task's gap is (reference - last) / reference, not below 0, where `last` is its main score at
    the last evaluation, as the component recorded it, and the reference what it could score: that
    of a pipeline with this task alone where it is given, else the best score so far. Before the
    second evaluation it is 0, as the first, before training, says nothing. Tasks that are stopped
    or inactive do not count.

    references: the score of a pipeline with the task alone, by task, above 0.
    """

    def __init__(self, references: Mapping[str, float] | None = None) -> None:
        self._references = dict(references or {})
        for task, score in self._references.items():
            if not math.isfinite(score) or score <= 0:
                raise MTLError(
                    f"Expected a dev score above 0 as the reference of the task '{task}', got "
                    f"{score}."
                )

    def __call__(self, corpora: Sequence[Annotation], vocab: Vocab) -> list[float]:
        """The gap of each corpus.

        vocab: of the pipeline in training.
        RAISES (MTLError): If the pipeline has no component "multitask", or no task of a reference.
        """
        nlp = pipeline_of(vocab)
        components = multitasks(nlp) if nlp is not None else {}
        if not components:
            raise MTLError(
                "Expected a component 'multitask' in the pipeline that is trained, by whose dev "
                "scores dynamic sampling goes, got none. Choose another way of sampling, such "
                'as "temperature".'
            )
        self._check_names(components)
        return [
            max(
                (
                    self._task_gap(task.name, component.history.scores(task.name))
                    for component in components.values()
                    for name, task in component.tasks.items()
                    if name in component.active_tasks and name not in component.stopped_tasks
                    if corpus.trains(task)
                ),
                default=0.0,
            )
            for corpus in corpora
        ]

    def _task_gap(self, task: str, scores: Sequence[float]) -> float:
        if len(scores) < 2:
            return 0.0
        reference = self._references.get(task, max(scores))
        return max(0.0, (reference - scores[-1]) / reference) if reference > 0 else 0.0

    def _check_names(self, components: Mapping[str, MultiTask]) -> None:
        tasks = task_names(components)
        unknown = sorted(set(self._references) - set(tasks))
        if unknown:
            raise MTLError(
                f"Expected references of the tasks {', '.join(tasks)}, got {', '.join(unknown)}. "
                "Correct the names in [training.batcher.references]."
            )
