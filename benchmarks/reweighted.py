"""Losses of classes that count some documents for more, to be measured beside the plain one.

Imported by the runs of `benchmarks.classes --setting class_weights=0.5 --setting focal=2`.
"""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from typing import Any

import numpy as np
from thinc.api import to_numpy
from thinc.types import Floats2d

from spacy_mtl.registry import registry
from spacy_mtl.tasks.losses import softmax
from spacy_mtl.tasks.targets import ClassTargets
from spacy_mtl.tasks.textcat_v2 import TextCat

NAME = "benchmarks.Reweighted.v1"
SETTINGS = ("class_weights", "focal")


@registry.mtl_tasks(NAME)
def reweighted(task: Any, class_weights: float = 0.0, focal: float = 0.0) -> TextCat:
    """The task with another gradient of its exclusive classes.

    class_weights: a document counts in proportion to the frequency of its class to minus this
        power. focal: the gamma of the focal loss (Lin et al. 2017, https://arxiv.org/abs/1708.02002).
    """
    plain = task.class_loss
    seen: dict[str, Any] = {}

    def class_loss(
        scores: Any, targets: ClassTargets, smoothing: float = 0.0
    ) -> tuple[float, Floats2d]:
        loss, gradient = plain(scores, targets, smoothing)
        rows = np.flatnonzero(to_numpy(targets.mask))
        gold = to_numpy(targets.classes)[rows]
        counts = seen.setdefault("counts", np.ones(scores.shape[1]))
        counts += np.bincount(gold, minlength=len(counts))
        by_class = counts**-class_weights
        by_class *= counts.sum() / (by_class * counts).sum()
        p = np.clip(to_numpy(softmax(scores))[rows, gold], 1e-6, 1 - 1e-6)
        by_doubt = (1 - p) ** focal - focal * (1 - p) ** (focal - 1) * p * np.log(p)
        gradient[rows] *= (by_class[gold] * by_doubt).astype("float32")[:, None]
        return loss, gradient

    task.class_loss = class_loss
    return task
