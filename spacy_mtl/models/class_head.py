"""The head of document classification: pooled token vectors and n-grams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from thinc.api import Dropout, Maxout, Model, chain, zero_init
from thinc.types import Floats2d

from .heads import Head, resize_columns
from .linear import Linear
from .packed import Packed
from .pooling import pool

_TERMS = "terms of class scores"


def ClassHead(
    *,
    pooling: Sequence[str],
    pooled_scale: float = 1.0,
    hidden_width: int = 0,
    dropout: float | None = None,
    ngrams: Model[Packed, Any] | None = None,
    ngram_share: float | None = None,
    encoder_gradient: float = 1.0,
) -> Head:
    """Unnormalized class scores of every document, (n_docs, nO): the sum of two terms.

    One is linear in the pooled token vectors, or in a hidden layer over them, the other in the
    document's n-grams. The number of classes is the dimension `nO` of both, set before
    initialization.

    pooling, pooled_scale: kinds and scale of `spacy_mtl.models.pooling.pool`.
    hidden_width: of a maxout layer over the pooled vectors, 0 for none.
    dropout: of what the output layer of the first term sees; None for that of the training.
    ngrams: the second term, an `NgramLinear`; None for none.
    ngram_share: from 0 to 1; the scores are the mean of the terms, in which n-grams have this
        share, and each can learn from a loss of its own: in training, `term_scores` has the scores
        of each, and backward takes a gradient for each, (n_terms, n_docs, nO), as well as one of
        the mean. Terms that learn from one loss leave to each other what the other has learned
        first. None for the sum.
    encoder_gradient: what the gradient of the token vectors is multiplied by.
    """
    output = Linear(zero_init)
    hidden = [Maxout(nO=hidden_width, nP=3, normalize=True)] if hidden_width else []
    left_out = Dropout() if dropout is None else fixed_dropout(dropout)
    pooled: Model = chain(pool(pooling, pooled_scale), *hidden, left_out, output)
    terms = [pooled] if ngrams is None else [pooled, ngrams]
    model: Head = Model(
        "class_head",
        _forward,
        init=_init,
        layers=terms,
        refs={"output": output} if ngrams is None else {"output": output, "sparse": ngrams},
        attrs={
            "resize": resize_columns,
            "ngram_share": ngram_share,
            "encoder_gradient": encoder_gradient,
        },
    )
    return model


def term_scores(packed: Packed, scores: Floats2d) -> list[Floats2d]:
    """The scores of each term, if a `ClassHead` of separate terms gave these in training."""
    _, terms = packed.notes.get((_TERMS, id(scores)), (scores, [scores]))
    found: list[Floats2d] = terms
    return found


def _forward(
    model: Head, packed: Packed, is_train: bool
) -> tuple[Floats2d, Callable[[Any], Floats2d]]:
    terms = [layer(packed, is_train) for layer in model.layers]
    each: list[Any] = [scores for scores, _ in terms]
    share = model.attrs["ngram_share"]
    separate = len(terms) == 2 and share is not None
    shares = (1 - share, share) if separate else (1.0, 1.0)
    scores: Any = sum(part * scores for part, scores in zip(shares, each, strict=False))
    if is_train and separate:
        packed.notes[_TERMS, id(scores)] = (scores, each)

    def backprop(dY: Any) -> Floats2d:
        if not len(packed.lengths):  # thinc's maxout cannot go back over nothing
            return model.ops.alloc2f(*packed.X.shape)
        gradients = dY if dY.ndim == 3 else [part * dY for part in shares]
        (_, bp_pooled), *others = terms
        for (_, bp_term), gradient in zip(others, gradients[1:], strict=False):
            bp_term(gradient)  # n-grams see no vectors
        dX: Floats2d = bp_pooled(gradients[0])
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
