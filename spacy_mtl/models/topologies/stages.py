"""Layers that topologies put above the encoder: copies of a configured one, from vectors to
vectors of the same width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ...errors import MTLError
from ..fitting import fitting
from .base import FIRST, Sharing, encode, encoders

Stage = Model[list[Floats2d], list[Floats2d]]


class Configured:
    """A layer to make copies of; no part of the model, and nothing that is saved."""

    def __init__(self, layer: Stage) -> None:
        self.layer = layer


def run_stage(
    stage: Stage, X: Floats2d, lengths: NDArray[Any], is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """Run a layer on the vectors of a batch, (n_tokens, width), one below the other."""
    if not len(X):
        return X, lambda dY: dY
    ops: Any = stage.ops
    Ys, bp_stage = stage(ops.unflatten(X, lengths), is_train)

    def backprop(dY: Floats2d) -> Floats2d:
        dX: Floats2d = ops.flatten(bp_stage(ops.unflatten(dY, lengths)))
        return dX

    return ops.flatten(Ys), backprop


def initialize_stages(model: Sharing, docs: list[Doc], stages: list[Stage], what: str) -> None:
    """Initialize layers with the encoder's vectors of documents.

    RAISES (MTLError): If they do not take these, or give others of another width.
    """
    packed, _ = encode(encoders(model)[FIRST], docs, False)
    vectors = model.ops.alloc2f(1, packed.X.shape[1])
    for stage in stages:
        with fitting(what):
            stage.initialize(X=[vectors])
            given: Any = stage.predict([vectors])[0]
        if given.shape[1] != vectors.shape[1]:
            raise MTLError(
                f"Expected {what} that gives vectors as wide as those of `tok2vec`, "
                f"{vectors.shape[1]} numbers, got {given.shape[1]}. Give both the same width."
            )
