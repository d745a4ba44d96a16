"""Heads: from a task's representation to its scores, one matrix product for the whole batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import Dropout, Model, chain, zero_init
from thinc.types import Floats2d

from ..errors import MTLError
from .hidden import HiddenLayer
from .linear import Linear
from .ngrams import NgramLinear
from .packed import Packed

Head = Model[Packed, Floats2d]
COLUMN_REFS = ("output", "sparse")  # what a head calls the nodes with a column per score
# By the names of nodes: the parameters with a column per score, and which axis that is.
_COLUMN_PARAMS = {
    "linear": [("W", 0), ("b", 0)],
    "ngram_linear": [("W", 1)],
    "span_linear": [("W", 1), ("b", 0)],
}


def TokenHead(
    hidden_width: int = 0, init_W: Callable[..., Any] = zero_init, hidden_pieces: int = 3
) -> Head:
    """Unnormalized label scores of every token: (n_tokens, width) to (n_tokens, n_labels).

    hidden_width: of a maxout layer between representation and scores, of `hidden_pieces`; 0 for
    none. init_W: the scores' first weights. The number of labels is the dimension `nO` of the
    reference "output", set before initialization.
    """
    output = Linear(init_W)
    hidden = [HiddenLayer(hidden_width, hidden_pieces)] if hidden_width else []
    model: Head = chain(take_tokens(), *hidden, output)
    model.name = "token_head"
    model.set_ref("output", output)
    model.attrs["resize"] = resize_columns
    return model


def DocumentHead(ngram_size: int, ngram_rows: int, attr: str) -> Head:
    """Unnormalized class scores of every document, the sum of two terms.

    One is linear in the mean and the maximum of the document's token vectors, the other in
    its bag of n-grams, hashed into `ngram_rows` rows. The number of classes is the dimension
    `nO` of the reference "output", set before initialization.
    """
    output = Linear(zero_init)
    pooled: Head = chain(pool_documents(), Dropout(), output)
    sparse = NgramLinear(ngram_size=ngram_size, rows=ngram_rows, attr=attr)
    model: Head = Model(
        "document_head",
        _document_forward,
        init=_document_init,
        layers=[pooled, sparse],
        refs={"output": output, "sparse": sparse},
        attrs={"resize": resize_columns},
    )
    return model


def resize(head: Model, old: list[str], new: list[str]) -> None:
    """Give a head other output columns, by its own `attrs["resize"]`, which gets the same.

    A head without parameters gets the number of its outputs; of one that has some, the columns that
    `old` names too keep their weights.
    RAISES (MTLError): If it brings no such function.
    """
    if "resize" not in head.attrs:
        raise MTLError(
            f'Expected a head for labels to have a function as attrs["resize"], got {head.name} '
            "without one. Use `spacy_mtl.models.heads.TokenHead`, or see how it does that."
        )
    head.attrs["resize"](head, old, new)


def n_outputs(head: Model) -> int | None:
    """The number of a head's scores for each unit, None if it is not known yet."""
    node = head.get_ref("output") if head.has_ref("output") else head
    return node.get_dim("nO") if node.has_dim("nO") else None


def set_outputs(head: Head, n: int) -> None:
    """Set the number of scores, before initialization."""
    for node, _ in _column_params(head):
        node.set_dim("nO", n, force=True)


def resize_columns(head: Head, old: list[str], new: list[str]) -> None:
    """See `resize`. New columns start at zero. old, new: names of the columns before and after."""
    if not next(_column_params(head))[0].has_param("W"):
        set_outputs(head, len(new))
        return
    places = [new.index(name) for name in old]
    for node, params in list(_column_params(head)):
        # A node of its own, so that gradients and optimizer state of the old shape stay behind.
        resized = _with_outputs(node, len(new))
        for name, axis in params:
            before = node.get_param(name)
            shape = list(before.shape)
            shape[axis] = len(new)
            after = node.ops.alloc(tuple(shape))
            node.ops.xp.moveaxis(after, axis, 0)[places] = node.ops.xp.moveaxis(before, axis, 0)
            resized.set_param(name, after)
        for parent in head.walk():
            if parent.layers and parent.layers[-1] is node and parent.has_dim("nO"):
                parent.set_dim("nO", len(new), force=True)
        head.replace_node(node, resized)


def scale_columns(head: Head, factors: NDArray[np.floating]) -> None:
    """Multiply each column of a head's scores by its factor, (n_columns,), in the parameters."""
    xp: Any = head.ops.xp
    for node, params in _column_params(head):
        for name, axis in params:
            columns = xp.moveaxis(node.get_param(name).copy(), axis, -1)
            columns *= xp.asarray(factors)
            node.set_param(name, xp.moveaxis(columns, -1, axis))


def _with_outputs(node: Model, n: int) -> Model:
    """A node of the same kind with `n` outputs, its parameters unset."""
    dims = {name: node.maybe_get_dim(name) for name in node.dim_names}
    return Model(
        node.name,
        node._func,
        init=node.init,
        dims={**dims, "nO": n},
        params=dict.fromkeys(node.param_names),
        attrs=dict(node.attrs),
        ops=node.ops,
    )


def _column_params(head: Head) -> Iterator[tuple[Model, list[tuple[str, int]]]]:
    """The nodes that have a column per score: their parameters, with the axis of the columns."""
    refs = [head.get_ref(name) for name in COLUMN_REFS if head.has_ref(name)]
    for node in {node.id: node for node in refs}.values():
        yield node, _COLUMN_PARAMS[node.name]


def take_tokens() -> Model[Packed, Floats2d]:
    """The matrix of a packed batch."""
    return Model("take_tokens", _take_forward)


def _take_forward(
    model: Model[Packed, Floats2d], packed: Packed, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    return packed.X, _identity


def _identity(dX: Floats2d) -> Floats2d:
    return dX


def pool_documents() -> Model[Packed, Floats2d]:
    """Mean and maximum over each document's tokens, (n_docs, 2 * width), zeros for empty ones.

    They are divided by the square root of their number, so that a step of Adam, which moves every
    weight by about the same, does not move the scores of wide representations further than those
    of the sparse term: without it, the pooled term was measured to drown the n-grams.
    """
    return Model("pool_documents", _pool_forward)


def _pool_forward(
    model: Model[Packed, Floats2d], packed: Packed, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    ops = model.ops
    width = packed.X.shape[1]
    filled = np.flatnonzero(packed.lengths)
    lengths = ops.xp.asarray(packed.lengths[filled])
    pooled = ops.alloc2f(len(packed.lengths), 2 * width)
    if not len(filled):
        return pooled, lambda dY: ops.alloc2f(0, width)
    mean = packed.once("mean", lambda: ops.reduce_mean(packed.X, lengths))
    highest, which = packed.once("max", lambda: ops.reduce_max(packed.X, lengths))
    rows = ops.xp.asarray(filled)
    scale = (2 * width) ** -0.5
    pooled[rows, :width] = mean * scale
    pooled[rows, width:] = highest * scale

    def backprop(dY: Floats2d) -> Floats2d:
        d_filled = dY[rows] * scale
        d_mean = ops.xp.ascontiguousarray(d_filled[:, :width])
        d_max = ops.xp.ascontiguousarray(d_filled[:, width:])
        dX = ops.backprop_reduce_mean(d_mean, lengths)
        dX += ops.backprop_reduce_max(d_max, which, lengths)
        return dX

    return pooled, backprop


def _document_forward(
    model: Head, packed: Packed, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    dense, bp_dense = model.layers[0](packed, is_train)
    sparse, bp_sparse = model.layers[1](packed, is_train)

    def backprop(dY: Floats2d) -> Floats2d:
        bp_sparse(dY)
        return bp_dense(dY)

    return dense + sparse, backprop


def _document_init(model: Head, X: Packed | None = None, Y: object = None) -> None:
    for layer in model.layers:
        layer.initialize(X=X)
