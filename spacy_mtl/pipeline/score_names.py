"""Which score is of which task.

A component gives each metric of a task under the task's name, "ner_f", and the first task of a
kind has it under its standard name too, "ents_f". Nobody else reads these names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spacy.language import Language

from ..errors import MTLError
from ..layers import BUILT_IN
from ..tasks.base import Task

# Prefixes of spaCy's own scores: a task of such a name would write over those of another.
RESERVED = {"speed", "token", *BUILT_IN} - {"values"}


def own_name(task: Task, standard: str) -> str:
    """The name of a task's metric that no other task's has, from the standard one."""
    return f"{task.name}_{task.own_key(standard)}"


def main_name(task: Task) -> str:
    """The name of the task's main score that no other task's has."""
    return own_name(task, task.main_score)


def component_score(component: str) -> str:
    """The name of a component's one score, see `spacy_mtl.pipeline.selection`."""
    return f"{component}_score"


def check_component_score(component: str, tasks: Iterable[str]) -> None:
    """RAISES (MTLError): If the component's score has the name of a task's or of spaCy's own."""
    score = component_score(component)
    owner = named_owner(score, tasks)
    if owner is not None or component in RESERVED:
        what = "one of spaCy's scores" if owner is None else f"a score of the task '{owner}'"
        raise MTLError(
            f"Expected for the `selection` of '{component}' a name '{score}' that no other score "
            f"can have, got that of {what}. Rename the component, or the task."
        )


def check_not_chosen_by(score: str, component: str, nlp: Language) -> None:
    """RAISES (MTLError): If the best model is chosen by the score of a component without one."""
    if nlp.config["training"]["score_weights"].get(score):
        raise MTLError(
            f"Expected with `{score}` in [training.score_weights] a `selection` in "
            f"[components.{component}], by which there is this score, got none. Add it, or give "
            "the weight to other scores."
        )


def score_owner(score: str, tasks: Mapping[str, Task]) -> str | None:
    """The task that a score is of, None if it is of something else, as "speed" is."""
    return named_owner(score, tasks) or next(iter(standard_owners(score, tasks)), None)


def named_owner(score: str, tasks: Iterable[str]) -> str | None:
    """The task whose name a score has."""
    return max((task for task in tasks if score.startswith(f"{task}_")), key=len, default=None)


def standard_owners(score: str, tasks: Mapping[str, Task]) -> list[str]:
    """The tasks that have a metric of this standard name: in a component, it is the first's."""
    return [n for n, t in tasks.items() if score == t.main_score or t.own_key(score) != score]


def check_name(name: str, task: Task) -> None:
    """RAISES (MTLError): If the task's scores would stand under the standard names of another."""
    if name in RESERVED and task.own_key(f"{name}_acc") != "acc":
        raise MTLError(
            "Expected a task name that is not the beginning of spaCy's own scores, got "
            f"'{name}'. Rename it, to '{name}_task' for example."
        )
