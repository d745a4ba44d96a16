"""What the component does with Docs when nothing is learned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spacy.tokens import Doc
from thinc.types import Floats2d

from ..errors import MTLError
from ..models.packed import Packed
from ..models.topologies import base as topologies
from ..models.topologies.represented import Head, Represented
from ..tasks.scored import ScoredTask
from .labelling import Labelling
from .listeners import check_vectors
from .needs import Needs, all_needs, decisions, with_needs


class Predicting(Labelling):
    """The component's tasks in prediction: which are active, what they need, what they write."""

    confidences: bool
    _active: set[str]

    @property
    def active_tasks(self) -> tuple[str, ...]:
        """The tasks that are trained and, unless auxiliary, predicted; the others leave Docs as
        they are.

        What an active task needs is predicted too, and not written unless it is active itself.
        """
        return tuple(name for name in self.tasks if name in self._active)

    @active_tasks.setter
    def active_tasks(self, names: Iterable[str]) -> None:
        chosen = {names} if isinstance(names, str) else set(names)
        for name in sorted(chosen):
            self.task(name)
        self._active = chosen

    @property
    def _predicted(self) -> tuple[str, ...]:
        return tuple(name for name in self.active_tasks if name not in self.auxiliary)

    @property
    def needs(self) -> Needs:
        """By task, the others that are trained with it wherever it is trained without the rest:
        those whose decisions it uses, and those whose scores the topology shows to it."""
        return all_needs(self.tasks, self.model)

    def predict(self, docs: Iterable[Doc]) -> dict[str, Any]:
        """Decisions for the batch, of each active task and of those that they need."""
        docs = list(docs)
        names = with_needs(decisions(self.tasks), self._predicted)
        represented = self._represent(docs, names)
        needed = {other for name in names for other in self.tasks[name].needs}
        found: dict[str, Any] = {}
        standing: dict[str, Any] = {}
        for name in names:
            task = self.tasks[name]
            earlier = {other: standing[other] for other in task.needs}
            head = self._head(represented, name)
            found[name] = task.predict(head, represented.packed[name], earlier)
            if name in needed:
                standing[name] = task.standing(docs, found[name])
        return found

    def task_scores(self, docs: list[Doc]) -> dict[str, tuple[Floats2d, Packed]]:
        """The scores for the batch of each active task whose head gives some, and the
        representation that they are of."""
        names = [name for name in self._predicted if isinstance(self.tasks[name], ScoredTask)]
        represented = self._represent(docs, names)
        packed = represented.packed
        return {n: (self._head(represented, n).predict(packed[n]), packed[n]) for n in names}

    def _represent(self, docs: list[Doc], names: list[str]) -> Represented:
        self._check_ready(names)
        if names:
            check_vectors(self.model, self.name, docs)
        return topologies.represent(self.model, docs, names, False)

    def _head(self, represented: Represented, name: str) -> Head:
        return represented.ran.get(name) or topologies.head_of(self.model, name)

    def set_annotations(self, docs: Iterable[Doc], scores: dict[str, Any]) -> None:
        """Write each active task's decision to the documents, and how sure it is if wanted."""
        docs = list(docs)
        for name, decision in scores.items():
            if name not in self._predicted:
                continue
            if self.confidences:
                self.tasks[name].note_confidences(docs, decision)
            self.tasks[name].annotate(docs, decision)

    def _check_ready(self, names: Iterable[str]) -> None:
        unlabelled = [name for name, task in self.labelled_tasks.items() if not task.labels]
        for name in (each for each in unlabelled if each in with_needs(self.needs, names)):
            raise MTLError(
                f"Expected labels of the task '{name}' of '{self.name}', got none. "
                "Call nlp.initialize() with examples or labels first, or load a trained model."
            )
