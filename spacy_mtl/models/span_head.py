"""The head of overlapping spans: candidates scored from their ends and their mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import LayerNorm, Model, Ops, glorot_uniform_init, zero_init
from thinc.types import Floats2d

from .candidates import Candidates, Rows, Suggester, candidates_of
from .heads import Head, resize_columns
from .linear import Linear
from .packed import Packed, row_starts

CELLS = 200_000  # sums that are computed at once, so that they stay in the processor's cache


def SpanHead(suggester: Suggester, hidden_width: int = 0, offset: float = 0.0) -> Head:
    """Unnormalized label scores of candidates: (n_tokens, width) to (n_candidates, n_labels).

    A candidate is represented by its first token, its last token and the mean of its tokens, side
    by side, and scores are linear in it, or in a hidden layer over it. What is linear commutes with
    sums: tokens are multiplied by the parts of the matrix for all three, in one product, and
    candidates are sums of rows of that, which costs as much as adding three numbers for each score,
    however long the candidate.

    suggester: proposes the candidates of the documents.
    hidden_width: of a layer of rectified linear units over the representation, normalized; 0 for
        none.
    offset: added to all scores, so that without weights a label is as probable as it says. Most
        candidates are no spans: with scores that begin at zero, all would be found at first.

    The number of labels is the dimension `nO` of the reference "output", set before initialization.
    """
    layers: list[Model] = [SpanLinear(glorot_uniform_init if hidden_width else zero_init)]
    if hidden_width:
        layers[0].set_dim("nO", hidden_width)
        output = Linear(zero_init)
        output.set_dim("nI", hidden_width)
        layers += [LayerNorm(nI=hidden_width), relu(), output]
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
    ops = model.ops
    candidates = candidates_of(packed, model.attrs["suggester"])
    if not len(candidates):
        nothing = ops.alloc2f(0, model.get_ref("output").get_dim("nO"))
        return nothing, lambda dY: ops.alloc2f(*packed.X.shape)
    first, *others = model.layers
    tokens, bp_tokens = first(packed.X, is_train)
    if not is_train and others:
        return _predict(model, tokens, candidates), _no_backprop
    Y, bp_sums = add_up(ops, tokens, candidates, packed.lengths)
    backward = []
    for layer in others:
        Y, bp_layer = layer(Y, is_train)
        backward.append(bp_layer)
    Y += model.attrs["offset"]

    def backprop(dY: Floats2d) -> Floats2d:
        for bp_layer in reversed(backward):
            dY = bp_layer(dY)
        dX: Floats2d = bp_tokens(bp_sums(dY))
        return dX

    return Y, backprop


def _predict(model: Head, tokens: Floats2d, candidates: Candidates) -> Floats2d:
    """The scores, with the hidden layers of a part of the candidates at a time."""
    Y = model.ops.alloc2f(len(candidates), model.get_ref("output").get_dim("nO"))
    for part, scores in _sums(model.ops, tokens, candidates):
        for layer in model.layers[1:]:
            scores = layer.predict(scores)
        Y[part] = scores
    Y += model.attrs["offset"]
    return Y


def _no_backprop(dY: Floats2d) -> Floats2d:
    raise ValueError("Expected to run backward after a forward in training.")


def _init(model: Head, X: Packed | None = None, Y: object = None) -> None:
    first, *others = model.layers
    first.initialize(X=None if X is None else X.X)
    for layer in others:  # which know their sizes: no candidates are needed
        layer.initialize()


def add_up(
    ops: Ops, tokens: Floats2d, candidates: Candidates, lengths: NDArray[np.int32]
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """(n_candidates, n) the sum of the first third of the columns of each candidate's first token,
    the second of its last token, and the mean of the last of its tokens.

    tokens: (n_tokens, 3 * n). lengths: (n_docs,) the tokens of each document.
    """
    n_tokens, n = len(tokens), tokens.shape[1] // 3
    Y = ops.alloc2f(len(candidates), n)
    for part, sums in _sums(ops, tokens, candidates):
        Y[part] = sums

    def backprop(dY: Any) -> Floats2d:
        starts, lasts = candidates.starts, candidates.ends - 1
        shares = dY / ops.xp.asarray((candidates.ends - starts).astype("float32"))[:, None]
        d_first, begin = (_sum_by(ops, each, starts, n_tokens) for each in (dY, shares))
        d_last, end = (_sum_by(ops, each, lasts, n_tokens) for each in (dY, shares))
        open_ = ops.xp.zeros((n_tokens + 1, n), dtype="float64")  # at each row, of those before
        open_[1:] = (begin - end).cumsum(axis=0, dtype="float64")
        # Where a document begins none is open: there it is rounding, which is kept out of it.
        before = ops.xp.asarray(np.repeat(row_starts(lengths), lengths))
        d_mean = (open_[:-1] - open_[before] + begin).astype("float32")
        d_tokens: Floats2d = ops.xp.hstack([d_first, d_last, d_mean])
        return d_tokens

    return Y, backprop


def _sums(ops: Ops, tokens: Any, candidates: Candidates) -> Iterator[tuple[slice, Any]]:
    """The sums of `add_up`, of a part of the candidates after the other.

    Means are differences of running sums over all tokens, which need the precision of float64.
    """
    xp: Any = ops.xp
    n = tokens.shape[1] // 3
    first, last, mean = (xp.ascontiguousarray(tokens[:, i * n : (i + 1) * n]) for i in range(3))
    running = xp.zeros((len(tokens) + 1, n), dtype="float64")
    running[1:] = mean.cumsum(axis=0, dtype="float64")
    starts, ends = xp.asarray(candidates.starts), xp.asarray(candidates.ends)
    lengths = (ends - starts).astype("float64")[:, None]
    step = max(CELLS // n, 1)
    for begin in range(0, len(candidates), step):
        part = slice(begin, begin + step)
        sums = running[ends[part]]
        sums -= running[starts[part]]
        sums /= lengths[part]
        sums += first[starts[part]]
        sums += last[ends[part] - 1]
        yield part, sums.astype("float32")


def _sum_by(ops: Ops, values: Any, rows: Rows, n: int) -> Any:
    """(n, width) the sum of those of the values, (n_candidates, width), that belong to each row."""
    xp: Any = ops.xp
    counts: Any = np.bincount(rows, minlength=n).astype("int32")
    ordered = values[xp.asarray(np.argsort(rows, kind="stable"))]
    return ops.reduce_sum(ordered, xp.asarray(counts))


def SpanLinear(init_W: Callable[..., Any]) -> Model[Floats2d, Floats2d]:
    """Tokens multiplied by the parts of a candidate's matrix, (n_tokens, width) to (n_tokens,
    3 * nO): what it adds to the scores as the first, as the last, and as each of its tokens.

    The bias stands in the part of the first token, which each candidate has once.
    """
    return Model(
        "span_linear",
        _linear_forward,
        init=_linear_init,
        dims={"nO": None, "nI": None},
        params={"W": None, "b": None},
        attrs={"init_W": init_W},
    )


def _linear_init(
    model: Model[Floats2d, Floats2d], X: Floats2d | None = None, Y: object = None
) -> None:
    if X is not None:
        model.set_dim("nI", X.shape[1])
    nO, nI = model.get_dim("nO"), model.get_dim("nI")
    W: Any = model.attrs["init_W"](model.ops, (nO, 3 * nI))  # as of the whole representation
    model.set_param("W", model.ops.xp.ascontiguousarray(W.reshape(nO, 3, nI).swapaxes(0, 1)))
    model.set_param("b", model.ops.alloc1f(nO))


def _linear_forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    nO, nI = model.get_dim("nO"), model.get_dim("nI")
    W: Any = model.ops.reshape2f(model.get_param("W"), 3 * nO, nI)
    Y: Any = X @ W.T
    Y[:, :nO] += model.get_param("b")

    def backprop(dY: Any) -> Floats2d:
        model.inc_grad("b", dY[:, :nO].sum(axis=0))
        model.inc_grad("W", (dY.T @ X).reshape(3, nO, nI))
        dX: Floats2d = dY @ W
        return dX

    return Y, backprop


def relu() -> Model[Floats2d, Floats2d]:
    """What is positive."""
    return Model("relu", _relu)


def _relu(
    model: Model[Floats2d, Floats2d], X: Any, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    Y: Any = model.ops.xp.maximum(X, 0)

    def backprop(dY: Any) -> Floats2d:
        dX: Floats2d = dY * (Y > 0)
        return dX

    return Y, backprop
