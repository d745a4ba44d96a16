"""The pipelines that this process holds.

spaCy's loop gives an optimizer the number of a layer, and a batcher an example, without the
pipeline they belong to. Our factories announce theirs here, so that it can be found from either.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Mapping
from weakref import WeakSet

from spacy.language import Language
from spacy.vocab import Vocab

from ..tasks.base import Task
from .component import MultiTask

_PIPELINES: WeakSet[Language] = WeakSet()


def announce(nlp: Language) -> None:
    """Make a pipeline known; it is forgotten when nobody else holds it."""
    _PIPELINES.add(nlp)


def live_pipelines() -> Iterator[Language]:
    """Those that were announced and are still in use, and then all others, slowly.

    The garbage collector alone knows the others: pipelines of spaCy's own components, or of
    components that are sourced from another pipeline, never call a factory of ours, and spaCy
    tells of no pipeline that it makes.
    """
    announced = list(_PIPELINES)
    yield from announced
    for thing in gc.get_objects():
        if issubclass(type(thing), Language) and thing not in announced:
            yield thing


def pipeline_of(vocab: Vocab) -> Language | None:
    """The pipeline with this very vocabulary, None if there is none."""
    return next((nlp for nlp in live_pipelines() if nlp.vocab is vocab), None)


def multitasks(nlp: Language) -> dict[str, MultiTask]:
    """The pipeline's components of this package, by name."""
    return {name: pipe for name, pipe in nlp.components if isinstance(pipe, MultiTask)}


def tasks_by_name(pipes: Mapping[str, MultiTask]) -> dict[str, tuple[str, Task]]:
    """Each task that is predicted with its component, whose name stands before that of the task
    ("first.ner") where several of these components have one of this name."""
    often = Counter(name for pipe in pipes.values() for name in pipe.output_tasks)
    return {
        f"{component}.{name}" if often[name] > 1 else name: (component, task)
        for component, pipe in pipes.items()
        for name, task in pipe.output_tasks.items()
    }


def task_names(pipes: Mapping[str, MultiTask]) -> list[str]:
    """The names of all tasks, auxiliary ones too, each once."""
    return list(dict.fromkeys(name for pipe in pipes.values() for name in pipe.tasks))
