"""An adversary: it learns to tell from the vectors of a document which group it belongs to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import Linear, Maxout, Model, chain
from thinc.types import Floats2d


def Adversary(groups: int, width: int) -> Model[Floats2d, Floats2d]:
    """Scores of each group from a document's mean vector, over a hidden layer of this width."""
    model: Model[Floats2d, Floats2d] = chain(Maxout(nO=width, nP=2), Linear(nO=groups))
    model.name = "adversary"
    return model


def adversary_step(
    adversary: Model[Floats2d, Floats2d],
    X: Floats2d,
    lengths: NDArray[Any],
    belongs: NDArray[np.bool_],
) -> Any:
    """Let it learn from the documents that belong to one group alone.

    X: (n_tokens, width) the vectors. belongs: (n_docs, n_groups).
    Returns the gradient of its loss, summed over documents, for the vectors; None if no document
    belongs to one group alone.
    """
    ops: Any = adversary.ops
    told = np.flatnonzero((belongs.sum(axis=1) == 1) & (lengths > 0))
    if not len(told):
        return None
    dX = ops.alloc2f(*X.shape)
    inside = np.zeros(len(lengths), dtype=bool)
    inside[told] = True
    rows = ops.xp.asarray(np.flatnonzero(np.repeat(inside, lengths)))
    own_lengths = ops.asarray1i(lengths[told])
    vectors: Any = X
    scores, backprop = adversary(ops.reduce_mean(vectors[rows], own_lengths), True)
    groups = ops.asarray1i(belongs[told].argmax(axis=1))
    d_scores = ops.softmax(scores)
    d_scores[ops.xp.arange(len(told)), groups] -= 1
    dX[rows] = ops.backprop_reduce_mean(backprop(d_scores), own_lengths)
    return dX
