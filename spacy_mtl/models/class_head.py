"""The head of document classification: pooled token vectors and n-grams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from thinc.api import Dropout, Maxout, Model, chain, zero_init
from thinc.types import Floats2d

from .heads import Head, resize_columns
from .label_attention import LabelAttention
from .linear import Linear
from .packed import Packed
from .pooling import pool

Term = Callable[[Any, bool], Any]


def ClassHead(
    *,
    pooling: Sequence[str] = (),
    hidden_width: int = 0,
    dropout: float | None = None,
    label_attention: bool = False,
    ngrams: Model[Packed, Any] | None = None,
    encoder_gradient: float = 1.0,
) -> Head:
    """Unnormalized class scores of every document, (n_docs, nO): a sum of terms.

    The first is linear in the pooled token vectors, or in a hidden layer over them; the second
    has an attention for each class, see `LabelAttention`; the third is linear in n-grams. The
    number of classes is the dimension `nO` of the terms, set before initialization.

    pooling: kinds of `spacy_mtl.models.pooling.pool`, none for no such term.
    hidden_width: of a maxout layer over the pooled vectors, 0 for none.
    dropout: of what the output layer of the first term sees; None for that of the training.
    ngrams: an `NgramLinear`.
    encoder_gradient: what the gradient of the token vectors is multiplied by.
    """
    terms: dict[str, Model] = {}
    layers: list[Model] = []
    if pooling:
        terms["output"] = Linear(zero_init)
        hidden = [Maxout(nO=hidden_width, nP=3, normalize=True)] if hidden_width else []
        left_out = Dropout() if dropout is None else fixed_dropout(dropout)
        layers.append(chain(pool(pooling), *hidden, left_out, terms["output"]))
    if label_attention:
        terms["attention"] = LabelAttention()
        layers.append(terms["attention"])
    if ngrams is not None:
        terms["sparse"] = ngrams
        layers.append(ngrams)
    attrs = {"resize": resize_columns, "encoder_gradient": encoder_gradient}
    model: Head = Model(
        "class_head", _forward, init=_init, layers=layers, refs={**terms}, attrs=attrs
    )
    return model


def _forward(
    model: Head, packed: Packed, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    terms = [term(packed, is_train) for term in model.layers]
    scores: Any = sum(scores for scores, _ in terms)

    def backprop(dY: Floats2d) -> Floats2d:
        gradients = [bp_term(dY) for _, bp_term in terms]
        dX: Any = model.ops.alloc2f(*packed.X.shape)
        for gradient in gradients:
            if gradient is not packed:  # n-grams see no vectors
                dX += gradient
        dX *= model.attrs["encoder_gradient"]
        return dX

    return scores, backprop


def _init(model: Head, X: Packed | None = None, Y: object = None) -> None:
    for term in model.layers:
        term.initialize(X=X)


def fixed_dropout(rate: float) -> Model[Floats2d, Floats2d]:
    """Dropout at a rate of its own, whatever that of the training."""
    return Model("fixed_dropout", _drop, attrs={"rate": rate})


def _drop(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    if not is_train or not model.attrs["rate"]:
        return X, lambda dY: dY
    mask: Any = model.ops.get_dropout_mask(X.shape, model.attrs["rate"])
    return X * mask, lambda dY: dY * mask
