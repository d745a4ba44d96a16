"""Scores of classes, each of which attends to the tokens that tell it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from thinc.api import Model
from thinc.types import Floats2d

from .packed import Packed


def LabelAttention(nO: int | None = None) -> Model[Packed, Floats2d]:
    """Class scores, (n_docs, nO): of each class the mean of its scores of the tokens, weighted by
    an attention of its own.

    A token's score of a class and the weight that it has there (a softmax over the document's
    tokens) are linear in its vector, with the parameters `W` and `Q`, (nO, width), and begin at
    zero, so that training begins with the mean. The scores are divided by the square root of the
    width, see `spacy_mtl.models.pooling.pool`. Empty documents have the bias `b` alone.
    Source: Mullenbach et al. 2018, https://arxiv.org/abs/1802.05695
    """
    return Model(
        "label_attention",
        forward,
        init=init,
        dims={"nO": nO, "nI": None},
        params={"W": None, "Q": None, "b": None},
    )


def init(model: Model[Packed, Floats2d], X: Packed | None = None, Y: object = None) -> None:
    """Set the parameters to zero, once width and number of classes are known."""
    if X is None:
        return
    model.set_dim("nI", X.X.shape[1])
    shape = model.get_dim("nO"), model.get_dim("nI")
    model.set_param("W", model.ops.alloc2f(*shape))
    model.set_param("Q", model.ops.alloc2f(*shape))
    model.set_param("b", model.ops.alloc1f(shape[0]))


def forward(
    model: Model[Packed, Floats2d], packed: Packed, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """Two matrix products with the tokens, and a sum over each document's."""
    ops: Any = model.ops
    X: Any = packed.X
    W: Any = model.get_param("W")
    Q: Any = model.get_param("Q")
    lengths = ops.xp.asarray(packed.lengths[packed.lengths > 0])
    filled = ops.xp.asarray(np.flatnonzero(packed.lengths))
    scale = W.shape[1] ** -0.5
    votes = X @ (scale * W).T
    weights = ops.softmax_sequences(X @ Q.T, lengths)
    scores = ops.alloc2f(len(packed.lengths), W.shape[0])
    scores[filled] = ops.reduce_sum(votes * weights, lengths)
    scores += model.get_param("b")

    def backprop(dY: Any) -> Floats2d:
        model.inc_grad("b", dY.sum(axis=0))
        d_products = ops.backprop_reduce_sum(dY[filled], lengths)
        d_votes = d_products * weights
        d_logits = ops.backprop_softmax_sequences(d_products * votes, weights, lengths)
        model.inc_grad("W", scale * (d_votes.T @ X))
        model.inc_grad("Q", d_logits.T @ X)
        dX: Floats2d = d_votes @ (scale * W) + d_logits @ Q
        return dX

    return scores, backprop
