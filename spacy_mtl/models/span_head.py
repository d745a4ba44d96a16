"""The head of overlapping spans: candidates scored from their ends and their mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from thinc.api import LayerNorm, Model, glorot_uniform_init, zero_init
from thinc.types import Floats2d

from .candidates import Candidates, Suggester, candidates_of
from .heads import Head, resize_columns
from .linear import Linear
from .packed import Packed

CHUNK = 8192  # candidates at once


def SpanHead(
    suggester: Suggester,
    hidden_width: int = 0,
    pieces: int = 3,
    normalize: bool = True,
    offset: float = 0.0,
) -> Head:
    first = SpanLinear(zero_init if not hidden_width else glorot_uniform_init)
    layers: list[Model] = [first]
    if hidden_width:
        first.set_dim("nO", hidden_width * pieces)
        output = Linear(zero_init)
        output.set_dim("nI", hidden_width)
        layers += [maxout(pieces)] + ([LayerNorm(nI=hidden_width)] if normalize else []) + [output]
    model: Head = Model(
        "span_head",
        _forward,
        init=_init,
        layers=layers,
        refs={"output": layers[-1]},
        attrs={"suggester": suggester, "offset": offset, "resize": resize_columns},
    )
    return model


def _forward(
    model: Head, packed: Packed, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    candidates = candidates_of(packed, model.attrs["suggester"])
    first, *others = model.layers
    Y, bp_first = first((packed.X, candidates), is_train)
    backward = []
    for layer in others:
        Y, bp_layer = layer(Y, is_train)
        backward.append(bp_layer)
    Y += model.attrs["offset"]

    def backprop(dY: Floats2d) -> Floats2d:
        if not len(candidates):
            return model.ops.alloc2f(*packed.X.shape)
        for bp_layer in reversed(backward):
            dY = bp_layer(dY)
        dX, _ = bp_first(dY)
        return dX

    return Y, backprop


def _init(model: Head, X: Packed | None = None, Y: object = None) -> None:
    first, *others = model.layers
    first.initialize(X=X)
    for layer in others:
        layer.initialize()


def maxout(pieces):
    return Model("span_maxout", _maxout, attrs={"pieces": pieces})


def _maxout(model, X, is_train):
    pieces = model.attrs["pieces"]
    if pieces == 1:
        Y = model.ops.xp.maximum(X, 0)
        return Y, lambda dY: dY * (Y > 0)
    best, which = model.ops.maxout(X.reshape(len(X), -1, pieces))

    def backprop(dY):
        return model.ops.backprop_maxout(dY, which, pieces).reshape(X.shape)

    return best, backprop


def SpanLinear(init_W: Callable[..., Any]) -> Model:
    """A linear map of a candidate's first token, last token, and mean of its tokens.

    As it is linear, tokens are multiplied instead of candidates, with all three parts of `W` at
    once, (3, nO, nI); candidates are sums of rows of the product.
    """
    return Model(
        "span_linear",
        _span_forward,
        init=_span_init,
        dims={"nO": None, "nI": None},
        params={"W": None, "b": None},
        attrs={"init_W": init_W},
    )


def _span_init(model: Model, X: Packed | None = None, Y: object = None) -> None:
    if X is not None:
        model.set_dim("nI", X.X.shape[1])
    nO, nI = model.get_dim("nO"), model.get_dim("nI")
    W = model.attrs["init_W"](model.ops, (nO, 3 * nI))
    model.set_param("W", model.ops.xp.ascontiguousarray(W.reshape(nO, 3, nI).swapaxes(0, 1)))
    model.set_param("b", model.ops.alloc1f(nO))


def _span_forward(
    model: Model, inputs: tuple[Floats2d, Candidates], is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], tuple[Floats2d, Candidates]]]:
    X, candidates = inputs
    ops, xp = model.ops, model.ops.xp
    nO = model.get_dim("nO")
    W = model.get_param("W").reshape(3 * nO, -1)
    b = model.get_param("b")
    tokens = X @ W.T
    first, last, mean = (xp.ascontiguousarray(tokens[:, i * nO : (i + 1) * nO]) for i in range(3))
    sums = xp.zeros((len(X) + 1, nO), dtype="float64")
    xp.cumsum(mean, axis=0, dtype="float64", out=sums[1:])
    starts, ends = (xp.asarray(rows) for rows in (candidates.starts, candidates.ends))
    share = 1 / (ends - starts).astype("float32")[:, None]
    Y = ops.alloc2f(len(candidates), nO)
    first += b
    for begin in range(0, len(candidates), CHUNK):
        part = slice(begin, begin + CHUNK)
        start, end = starts[part], ends[part]
        total = sums[end]
        total -= sums[start]
        total *= share[part]
        total += first[start]
        total += last[end - 1]
        Y[part] = total

    def backprop(dY: Floats2d) -> tuple[Floats2d, Candidates]:
        weighted = dY * share
        d_tokens = ops.alloc2f(len(X), 3 * nO)
        d_tokens[:, :nO] = _sums(ops, dY, candidates.starts, len(X))
        d_tokens[:, nO : 2 * nO] = _sums(ops, dY, candidates.ends - 1, len(X))
        d_sums = _sums(ops, weighted, candidates.starts, len(X) + 1)
        d_sums -= _sums(ops, weighted, candidates.ends, len(X) + 1)
        d_tokens[:, 2 * nO :] = d_sums[:-1].cumsum(axis=0, dtype="float64")
        model.inc_grad("b", dY.sum(axis=0))
        model.inc_grad("W", (d_tokens.T @ X).reshape(3, nO, -1))
        return d_tokens @ W, candidates

    return Y, backprop


def _sums(ops, values, rows, n):
    order = np.argsort(rows, kind="stable")
    lengths = np.bincount(rows, minlength=n).astype("int32")
    return ops.reduce_sum(values[ops.xp.asarray(order)], ops.xp.asarray(lengths))
