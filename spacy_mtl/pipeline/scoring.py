"""The scores of the component's tasks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spacy.training import Example, validate_examples

from ..errors import MTLError
from ..tasks.base import Task
from ..tasks.capable import Labelled
from .history import ScoreHistory
from .labelling import Labelling
from .score_names import component_score, own_name
from .selection import Selection


class Scoring(Labelling):
    """The component's scores, and their history."""

    history: ScoreHistory
    selection: Selection | None
    _started: bool

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Metrics of every task under its name ("ner_f"), and under spaCy's standard names
        ("ents_f") for the first task of its kind. Those of a task are None if the references
        label nothing of it, and otherwise numbers, whatever is predicted. During a training also
        the component's one score, if it has a `selection`."""
        examples = list(examples)
        validate_examples(examples, "MultiTask.score")
        scores: dict[str, Any] = {}
        main: dict[str, float | None] = {}
        for name, task in self.output_tasks.items():
            labelled = any(task.is_labelled(example) for example in examples)
            for key, value in task.score(examples).items():
                value = _reported(task, key, value, labelled)
                if key == task.main_score:
                    main[name] = value
                scores.setdefault(key, value)
                scores[own_name(task, key)] = value
        self.history.record(main)
        if self.selection is not None and self._started:
            scores[component_score(self.name)] = self.selection.score(self.history)
        return scores


def _reported(task: Task, key: str, value: Any, labelled: bool) -> Any:
    """What a score is shown as, given whether anything is labelled; descriptions stay."""
    if isinstance(value, str):
        return value
    if not labelled:
        return None
    if value is None and isinstance(task, Labelled):  # shares of what is right
        return {} if "_per_" in key else task.score_of_nothing
    if key == task.main_score and not (isinstance(value, (int, float)) and value <= 1):
        raise MTLError(
            f"Expected as the main score `{key}` of the task '{task.name}' a number of at most 1, "
            f"of which higher is better, got {value!r}. Of an error, take 1 / (1 + error)."
        )
    return value
