"""A maxout layer between a representation and scores, as fast as those of the encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from thinc.api import CupyOps, Maxout, Model
from thinc.types import Floats2d

from ..errors import MTLError
from .encoders.array_backend import FEW_ROWS
from .encoders.backends import backend_for
from .encoders.stock import MaxoutNodes
from .encoders.window import BLOCK, BLOCK_ON_GPU


def HiddenLayer(width: int, pieces: int = 3) -> Model[Floats2d, Floats2d]:
    """(n, nI) to (n, width): thinc's `Maxout` with layer norm and dropout, its nodes and its
    parameters."""
    stock: Model[Floats2d, Floats2d] = Maxout(nO=width, nP=pieces, dropout=0.0, normalize=True)
    return Model(
        "hidden",
        forward,
        init=stock.init,
        layers=list(stock.layers),
        dims={name: stock.maybe_get_dim(name) for name in stock.dim_names},
    )


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """See `HiddenLayer`."""
    backend, [nodes] = backend_for(model.ops), MaxoutNodes.below(model)
    if not is_train:
        return _predict(model, backend, nodes, X), _no_backprop
    layer = backend.MaxoutNorm(nodes.params(), 0, train=True)
    Z, backprop_layer = layer.begin_update(backend.from_array(X))
    dropout: Model = next(node for node in model.walk() if node.name == "dropout")
    kept, backprop_dropout = dropout(backend.to_array(Z, model.ops), is_train)

    def backprop(dZ: Floats2d) -> Floats2d:
        dX, grads = backprop_layer(backend.from_array(backprop_dropout(dZ)))
        nodes.inc_grads(*grads)
        gradient: Floats2d = backend.to_array(dX, model.ops)
        return gradient

    return kept, backprop


def _no_backprop(dZ: Floats2d) -> Floats2d:
    raise MTLError("Expected a forward with is_train before the gradient, got a prediction.")


def _predict(model: Model, backend: Any, nodes: MaxoutNodes, X: Any) -> Floats2d:
    """In blocks of rows, so that what lies between product and norm stays in the cache."""
    make = backend.MaxoutNorm.for_few if len(X) <= FEW_ROWS else backend.MaxoutNorm
    layer = make(nodes.params(), 0)
    limit = BLOCK_ON_GPU if isinstance(model.ops, CupyOps) else BLOCK
    Z = model.ops.alloc2f(len(X), layer.nO)
    for begin in range(0, len(X), limit):
        block = X[begin : begin + limit]
        n = len(block)
        if missing := backend.rounded(n) - n:
            block = model.ops.xp.pad(block, ((0, missing), (0, 0)))
        found = layer.predict(backend.from_array(block))
        Z[begin : begin + n] = backend.to_array(found, model.ops)[:n]
    return Z
