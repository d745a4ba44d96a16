"""From a document's token vectors to one vector: mean, maximum, attention, convolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from thinc.api import Model, glorot_uniform_init
from thinc.types import Floats2d

from ..errors import MTLError
from .packed import Packed

Pool = Model[Packed, Floats2d]


def pool(kinds: Sequence[str], scale: float = 1.0) -> Pool:
    """Several kinds of pooling side by side, (n_docs, summed width), zeros for empty documents.

    They are divided by the square root of their width, so that a step of Adam, which moves every
    weight by about the same, does not move the scores of wide representations further than those
    of narrow ones, or of n-grams.

    scale: a further factor.
    RAISES (MTLError): For a kind that is not in `KINDS`, or none at all.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise MTLError(
            f"Expected kinds of pooling out of {', '.join(KINDS)}, got "
            f"{', '.join(unknown) or 'none'}."
        )
    layers = [KINDS[kind]() for kind in kinds]
    return Model("pool", _forward, init=_init, layers=layers, attrs={"scale": scale})


def _forward(
    model: Pool, packed: Packed, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    ops: Any = model.ops
    outputs = [layer(packed, is_train) for layer in model.layers]
    found: Any = ops.xp.hstack([part for part, _ in outputs])
    scale = model.attrs["scale"] * found.shape[1] ** -0.5
    found *= scale
    pooled, filled = found, slice(None)
    if not packed.lengths.all():
        filled = ops.xp.asarray(np.flatnonzero(packed.lengths))
        pooled = ops.alloc2f(len(packed.lengths), found.shape[1])
        pooled[filled] = found

    def backprop(dY: Any) -> Floats2d:
        d_filled = dY[filled] * scale
        dX = ops.alloc2f(*packed.X.shape)
        end = 0
        for part, bp_part in outputs:
            start, end = end, end + part.shape[1]
            dX += bp_part(ops.xp.ascontiguousarray(d_filled[:, start:end]))
        return dX

    return pooled, backprop


def _init(model: Pool, X: Packed | None = None, Y: object = None) -> None:
    for layer in model.layers:
        layer.initialize(X=X)


def mean() -> Pool:
    """The mean of each filled document's token vectors."""
    return Model("mean", _mean)


def _mean(
    model: Pool, packed: Packed, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    lengths = _lengths(model, packed)
    found = packed.once("mean", lambda: model.ops.reduce_mean(packed.X, lengths))
    return found, lambda dY: model.ops.backprop_reduce_mean(dY, lengths)


def maximum() -> Pool:
    """The highest value of each feature among a filled document's tokens."""
    return Model("maximum", _maximum)


def _maximum(
    model: Pool, packed: Packed, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    lengths = _lengths(model, packed)
    found, which = packed.once("max", lambda: model.ops.reduce_max(packed.X, lengths))
    return found, lambda dY: model.ops.backprop_reduce_max(dY, which, lengths)


def attention() -> Pool:
    """The mean of each filled document's token vectors, weighted by their likeness to a query.

    The weights are a softmax over the document's tokens of their products with the parameter `Q`,
    (width,), which begins near zero, so that the weights begin nearly equal. The self-attention
    of Yang et al. 2016 (https://aclanthology.org/N16-1174) without its hidden layer, as in
    thinc's `ParametricAttention`.
    """
    return Model("attention", _attention, init=_init_attention, params={"Q": None})


def _init_attention(model: Pool, X: Packed | None = None, Y: object = None) -> None:
    if X is not None:
        xp: Any = model.ops.xp
        Q = xp.random.uniform(-0.1, 0.1, X.X.shape[1]).astype("float32")
        model.set_param("Q", Q)


def _attention(
    model: Pool, packed: Packed, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    ops: Any = model.ops
    X: Any = packed.X
    Q: Any = model.get_param("Q")
    lengths = _lengths(model, packed)
    weights = ops.softmax_sequences((X @ Q)[:, None], lengths)
    pooled = ops.reduce_sum(X * weights, lengths)

    def backprop(dY: Any) -> Floats2d:
        d_tokens = ops.backprop_reduce_sum(dY, lengths)
        d_weights = (X * d_tokens).sum(axis=1, keepdims=True)
        d_scores = ops.backprop_softmax_sequences(d_weights, weights, lengths)
        model.inc_grad("Q", (X * d_scores).sum(axis=0))
        dX: Floats2d = d_tokens * weights + d_scores * Q
        return dX

    return pooled, backprop


def convolution() -> Pool:
    """The highest value among a filled document's tokens of rectified linear features of each
    token with its two neighbours, as many as the vectors have (Kim 2014,
    https://arxiv.org/abs/1408.5882)."""
    return Model(
        "convolution",
        _convolution,
        init=_init_convolution,
        params={"W": None, "b": None},
    )


def _init_convolution(model: Pool, X: Packed | None = None, Y: object = None) -> None:
    if X is not None:
        n_features = X.X.shape[1]
        n_inputs = n_features * 3
        model.set_param("W", glorot_uniform_init(model.ops, (n_features, n_inputs)))
        model.set_param("b", model.ops.alloc1f(n_features))


def _convolution(
    model: Pool, packed: Packed, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    ops: Any = model.ops
    W: Any = model.get_param("W")
    lengths = _lengths(model, packed)
    windows: Any = ops.seq2col(packed.X, 1, lengths=lengths)
    features = windows @ W.T + model.get_param("b")
    features *= features > 0
    pooled, which = ops.reduce_max(features, lengths)

    def backprop(dY: Any) -> Floats2d:
        d_features = ops.backprop_reduce_max(dY, which, lengths) * (features > 0)
        model.inc_grad("W", d_features.T @ windows)
        model.inc_grad("b", d_features.sum(axis=0))
        dX: Floats2d = ops.backprop_seq2col(d_features @ W, 1, lengths=lengths)
        return dX

    return pooled, backprop


def _lengths(model: Pool, packed: Packed) -> Any:
    """(n_filled,) tokens of the documents that have any, on the device."""
    return model.ops.xp.asarray(packed.lengths[packed.lengths > 0])


KINDS: dict[str, Callable[[], Pool]] = {
    "mean": mean,
    "maximum": maximum,
    "attention": attention,
    "convolution": convolution,
}
