"""What a task shows to others of its scores: the probabilities of its labels, at each token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import MTLError
from .packed import Packed

TOKEN, DOCUMENT = "token", "document"
SOFTMAX, SIGMOID = "softmax", "sigmoid"
Shows = tuple[str, str]  # of what units a task's scores are, and how they become probabilities


def probabilities(scores: Any, kind: str, xp: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Of each row's labels: one of them ("softmax"), or each by itself ("sigmoid")."""
    if kind == SIGMOID:
        P = 1 / (1 + xp.exp(-scores))
        return P, lambda dP: dP * P * (1 - P)
    powers = xp.exp(scores - scores.max(axis=1, keepdims=True))
    P = powers / powers.sum(axis=1, keepdims=True)
    return P, lambda dP: P * (dP - (dP * P).sum(axis=1, keepdims=True))


def show(
    labels: Model, head: Model, packed: Packed, scores: Any
) -> tuple[Floats2d, Callable[[Floats2d], Any]]:
    """What is added to the vectors of a task that sees these scores, (n_tokens, width).

    labels: a `label_embedding`. Its gradient is added up in the backward pass, which returns that
    of the scores.
    RAISES (MTLError): If the head's task does not say what its scores are (`Task.shows`).
    """
    unit, kind = shows_of(head)
    xp: Any = labels.ops.xp
    P, bp_probabilities = probabilities(scores, kind, xp)
    E: Any = labels.get_param("E")
    documents = xp.asarray(np.repeat(np.arange(len(packed.lengths)), packed.lengths))

    def backprop(dY: Any) -> Any:
        if unit == DOCUMENT:
            summed = labels.ops.alloc2f(len(packed.lengths), dY.shape[1])
            labels.ops.scatter_add(summed, documents, dY)
            dY = summed
        labels.inc_grad("E", P.T @ dY)
        return bp_probabilities(dY @ E.T)

    Y = P @ E
    return (Y[documents] if unit == DOCUMENT else Y), backprop


def shows_of(head: Model) -> Shows:
    """RAISES (MTLError): If the head's task does not say it."""
    if "shows" not in head.attrs:
        raise MTLError(
            "Expected a task that shows the probabilities of its labels to others, of tokens or "
            f"of documents, got one with the head '{head.name}', which does not. Take it out of "
            "`sees` in the topology."
        )
    unit, kind = head.attrs["shows"]
    return unit, kind


def label_embedding() -> Model[Any, Any]:
    """The embedding of a task's labels, (n_labels, width), which `set_labels` makes."""
    return Model("label_embedding", _refuse, params={"E": None})


def set_labels(labels: Model, n: int, width: int) -> None:
    """Let there be embeddings of so many labels, zeros at first."""
    if not labels.has_param("E"):
        labels.set_param("E", labels.ops.alloc2f(n, width))


def resized_labels(labels: Model, old: list[str], new: list[str]) -> Model:
    """A label embedding of other labels, in which those that stay keep their numbers."""
    before: Any = labels.get_param("E")
    resized = label_embedding()
    E: Any = labels.ops.alloc2f(len(new), before.shape[1])
    E[[new.index(name) for name in old]] = before
    resized.set_param("E", E)
    return resized


def _refuse(model: Model, X: Any, is_train: bool) -> Any:
    raise MTLError("Expected `show` to use a label embedding, got a call of it.")
