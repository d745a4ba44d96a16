"""Which documents a task refuses: those of no class should be, and of the others few."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from spacy.language import Language
from spacy.training import Example
from thinc.api import to_numpy

from ..errors import MTLError
from ..pipeline.live import multitasks
from ..tasks.capable import Refusing
from .temperature import scored_batches


@dataclass
class Doubts:
    """How unsure a task is of documents.

    component: the name of the task's component in the pipeline. name: of the task.
    known: of each document whose annotation says that it has a class. unknown: of each one that
        has none, by its annotation.
    """

    component: str
    name: str
    task: Refusing
    known: list[float] = field(default_factory=list)
    unknown: list[float] = field(default_factory=list)

    def fit(self, share: float) -> bool:
        """Let the task refuse this share of the documents that have a class, or less; with 0, none
        at all, whatever the documents. False if there is none to fit on: the task stays as it is.

        RAISES (MTLError): If it is no share below 1.
        """
        if not 0 <= share < 1:
            raise MTLError(f"Expected a share of documents from 0 to below 1, got {share}.")
        if share and not self.known:
            return False
        allowed = int(share * len(self.known) + 1e-9)
        self.task.refuse_above = float(np.sort(self.known)[-1 - allowed]) if share else np.inf
        return True

    def refused(self) -> tuple[float, float]:
        """The share that is refused of the documents that have a class, and of those that have
        none; NaN where there are no documents."""
        sides = (np.asarray(side) for side in (self.known, self.unknown))
        known, unknown = (
            float((side > self.task.refuse_above).mean()) if len(side) else np.nan for side in sides
        )
        return known, unknown

    def auroc(self) -> float:
        """See the function; NaN where a side has no documents."""
        return auroc(self.known, self.unknown)


def auroc(lower: ArrayLike, higher: ArrayLike) -> float:
    """The area under the receiver operating characteristic: how often a number of the second kind
    is above one of the first, of all pairs, equal ones as a half. NaN if a kind has none.

    lower, higher: (n,) and (m,).
    """
    ranked, others = np.sort(np.asarray(lower)), np.asarray(higher)
    if not len(ranked) or not len(others):
        return float("nan")
    sides: Any = [np.searchsorted(ranked, others, side) for side in ("left", "right")]
    return float(np.mean(sides) / len(ranked))


def doubts(nlp: Language, examples: Iterable[Example]) -> list[Doubts]:
    """How unsure the active tasks that can refuse documents are of these, on the examples' tokens.

    RAISES (MTLError): If there is no such task.
    """
    found = {
        (component, name): Doubts(component, name, task)
        for component, pipe in multitasks(nlp).items()
        if component in nlp.pipe_names
        for name in pipe.active_tasks
        if isinstance(task := pipe.tasks[name], Refusing) and task.can_refuse
    }
    if not found:
        raise MTLError(
            "Expected a task that can refuse documents, such as an exclusive "
            "spacy_mtl.TextCat.v2, got none."
        )
    for place, batch, scores, _ in scored_batches(nlp, examples):
        if place not in found:
            continue
        own = found[place]
        values: Any = to_numpy(own.task.doubt(scores)).tolist()
        for example, doubt in zip(batch, values, strict=True):
            has_class = own.task.has_class(example)
            if has_class is not None:
                (own.known if has_class else own.unknown).append(doubt)
    return list(found.values())
