"""The function of `spacy.MaxoutWindowEncoder.v2`, computed faster."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

from spacy.ml.models.tok2vec import MaxoutWindowEncoder
from thinc.api import CupyOps, Model
from thinc.layers.with_array import forward as forward_stock
from thinc.types import Floats2d

from ...errors import MTLError
from .array_backend import FEW_ROWS
from .backends import FewRows, Prepared, backend_for, check_precision
from .stock import Fingerprint, Found, MaxoutNodes

# Rows that go through all layers together, so that what lies between them stays in the cache.
BLOCK = 1024
BLOCK_ON_GPU = 65536


def WindowEncoder(
    width: int,
    window_size: int,
    maxout_pieces: int,
    depth: int,
    precision: str = "fp32",
) -> Model[list[Floats2d], list[Floats2d]]:
    """Encode context by convolutions with maxout, layer norm and residual connections.

    Computes what `spacy.MaxoutWindowEncoder.v2` computes and has its parameters, so that one's
    weights can be loaded into the other. (n_tokens, width) per document, to the same. All
    documents go through a layer at once, without a copy of the windows; outputs and gradients
    agree with spaCy's to rounding.

    width: of the vectors that come in and go out.
    window_size: neighbours that a layer sees on each side of a token.
    maxout_pieces: of each layer, 2 or 3 as a rule.
    depth: the number of layers; the last sees `depth` * `window_size` tokens to each side.
    precision: of the products in prediction, "fp32", or "bf16" for bfloat16, which is faster on
        processors that have instructions for it and moves outputs by about 1 %; slower on others.
        Batches of a few words are in single precision all the same, being faster so.
        Training is in single precision, on a GPU with "bf16" in bfloat16. It is not saved with
        the weights: choose anew with `spacy.load(..., config=...)`.

    Needs PyTorch for its full speed, and for "bf16"; without it NumPy or cupy computes.
    RAISES (MTLError): If there is no such precision.
    """
    check_precision(precision)
    if min(width, maxout_pieces, depth) < 1 or window_size < 0:
        raise MTLError(
            "Expected a width, maxout_pieces and depth of 1 or more and a window_size of 0 or "
            f"more, got {width}, {maxout_pieces}, {depth} and {window_size}."
        )
    stock = MaxoutWindowEncoder(width, window_size, maxout_pieces, depth)
    return Model(
        "window_encoder",
        forward,
        init=stock.init,
        layers=list(stock.layers),
        dims={"nO": width},
        attrs={**stock.attrs, "settings": _Settings(precision, window_size)},
    )


class _Settings:
    """What the weights do not determine; no part of a saved model."""

    def __init__(self, precision: str, window_size: int) -> None:
        self.precision = precision
        self.window_size = window_size
        self.few = FewRows()
        self.prepared: Prepared[list[Any]] = Prepared()
        self.parts: Found[tuple[list[MaxoutNodes], Fingerprint]] = Found(_parts)

    def __reduce__(self) -> Any:
        return _Settings, (self.precision, self.window_size)


def _parts(model: Model) -> tuple[list[MaxoutNodes], Fingerprint]:
    return MaxoutNodes.below(model), Fingerprint(model)


def forward(model: Model[Any, Any], Xs: Any, is_train: bool) -> tuple[Any, Callable[[Any], Any]]:
    """Encode a list of documents; other types that spaCy's layer takes go through its own code."""
    if not isinstance(Xs, list):
        return forward_stock(model, Xs, is_train)
    if is_train:
        return _begin_update(model, Xs)
    return _predict(model, Xs), _no_backprop


def _no_backprop(dYs: Any) -> Any:
    raise MTLError("Expected a forward with is_train before the gradient, got a prediction.")


def _predict(model: Model, Xs: list[Floats2d]) -> list[Floats2d]:
    backend, settings = backend_for(model.ops), model.attrs["settings"]
    nodes, fingerprint = settings.parts.below(model)
    window, precision = settings.window_size, settings.precision
    pad = window * len(nodes)
    if sum(map(len, Xs)) + pad * (len(Xs) + 1) <= FEW_ROWS:
        layers = settings.few.layers(backend, nodes, window)
    else:
        layers = settings.prepared.get(
            (model.ops, backend, *fingerprint.take()),
            lambda: [backend.MaxoutNorm(node.params(), window, precision) for node in nodes],
        )
    limit = BLOCK_ON_GPU if isinstance(model.ops, CupyOps) else BLOCK
    Ys = []
    for block in _blocks(Xs, pad, limit):
        X = backend.from_array(_joined(model, block, pad, backend.rounded))
        for layer in layers:
            X = X + layer.predict(X)
        Ys.extend(_parted(backend.to_array(X, model.ops), block, pad))
    return Ys


def _begin_update(
    model: Model, Xs: list[Floats2d]
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Floats2d]]]:
    backend, settings = backend_for(model.ops), model.attrs["settings"]
    nodes, _ = settings.parts.below(model)
    pad = settings.window_size * len(nodes)
    X = backend.from_array(_joined(model, Xs, pad))
    steps = []
    for node in nodes:
        layer = backend.MaxoutNorm(node.params(), settings.window_size, settings.precision, True)
        Z, backprop_layer = layer.begin_update(X)
        kept = backend.keep_mask(Z, node.dropout_rate, model.ops) if node.dropout_rate else None
        X = X + Z if kept is None else X + Z * kept
        steps.append((node, backprop_layer, kept))

    def backprop(dYs: list[Floats2d]) -> list[Floats2d]:
        dX = backend.from_array(_joined(model, dYs, pad))
        for node, backprop_layer, kept in reversed(steps):
            d_residual, grads = backprop_layer(dX if kept is None else dX * kept)
            node.inc_grads(*grads)
            dX = dX + d_residual
        return _parted(backend.to_array(dX, model.ops), dYs, pad)

    return _parted(backend.to_array(X, model.ops), Xs, pad), backprop


def _blocks(Xs: list[Floats2d], pad: int, limit: int) -> Iterator[list[Floats2d]]:
    """Consecutive documents of together about `limit` rows, at least one."""
    block: list[Floats2d] = []
    rows = 0
    for X in Xs:
        block.append(X)
        rows += len(X) + pad
        if rows >= limit:
            yield block
            block, rows = [], 0
    if block:
        yield block


def _joined(
    model: Model, Xs: list[Floats2d], pad: int, rounded: Callable[[int], int] | None = None
) -> Any:
    """All rows in one matrix, with `pad` rows of zeros before, between and behind documents.

    As with spaCy, these take part in the layers, so that a document's ends see what its own
    words have left there, and not the neighbours.
    rounded: to how many rows it is filled up with zeros, None for no more.
    """
    xp, width = model.ops.xp, model.get_dim("nO")
    gap = xp.zeros((pad, width), dtype="float32")
    parts = [gap]
    for X in Xs:
        parts += [X, gap]
    if rounded is not None:
        n = sum(map(len, parts))
        parts.append(xp.zeros((rounded(n) - n, width), dtype="float32"))
    return xp.concatenate(parts)


def _parted(Y: Any, Xs: list[Floats2d], pad: int) -> list[Floats2d]:
    """The rows of each document out of what `_joined` made."""
    starts = accumulate((len(X) + pad for X in Xs), initial=pad)
    return [Y[start : start + len(X)] for start, X in zip(starts, Xs, strict=False)]
