"""A task that is taught by what an earlier model says, in place of the annotation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import to_numpy
from thinc.types import Floats2d

from ..models.packed import Packed
from ..models.topologies import base as topologies
from ..models.topologies.base import Sharing
from ..models.topologies.represented import Head
from ..tasks.base import Step
from ..tasks.labels import LabelledTask


class Teacher:
    """A copy of a component's model with the encoders in it, which is not trained.

    task: the one that it teaches.
    """

    def __init__(self, model: Sharing, task: LabelledTask) -> None:
        self.model = model
        self.task = task

    def step(self, head: Head, packed: Packed, examples: Sequence[Example]) -> Step | None:
        """Run the head forward on a batch; None if the batch labels nothing of the task.

        The loss is the task's `distill`, over the units that are labelled, whatever their labels.
        """
        targets: Any = self.task.targets_of(packed, examples, head.ops)
        mask = getattr(targets, "says", targets.mask)  # of tasks of others
        units: Any = to_numpy(mask if mask.ndim == 1 else mask.any(axis=1))
        if not units.any():
            return None
        scores, bp_head = head(packed, True)
        taught = self._scores(packed, units, scores)
        loss, d_scores = self.task.distill(scores, taught, mask, packed, head.ops)
        return Step(loss, targets.n_units, lambda weight: bp_head(d_scores * weight))

    def _scores(self, packed: Packed, units: NDArray[np.bool_], like: Floats2d) -> Floats2d:
        """The teacher's scores of the documents that have some of these units, zeros for others."""
        doc_of = np.repeat(np.arange(len(packed.docs)), self.task.unit_lengths(like, packed))
        rows = np.unique(doc_of[units])
        docs: list[Doc] = [packed.docs[row] for row in rows]
        represented = topologies.represent(self.model, docs, [self.task.name], False)
        head = represented.ran.get(self.task.name) or topologies.head_of(self.model, self.task.name)
        scores: Any = head.ops.xp.zeros_like(like)
        chosen = np.isin(doc_of, rows)
        scores[head.ops.xp.asarray(chosen)] = head.predict(represented.packed[self.task.name])
        return scores
