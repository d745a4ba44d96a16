"""Sharing topologies: how the tasks' representations come from the shared encoder.

A topology is a thinc model that gets the encoder alone. The component attaches the heads with
`attach`, asks for each task's representation with `represent`, and hands back each task's
gradient. These two functions are the whole interface; a topology names its own in
`model.attrs["represent"]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from .encoding import Encoder, encode_docs, no_vectors
from .fitting import fitting
from .packed import Packed, doc_lengths

Head = Model[Packed, Any]
Backprop = Callable[[dict[str, Floats2d]], None]
Sharing = Model[list[Doc], dict[str, Any]]


def HardSharing(tok2vec: Encoder) -> Sharing:
    """One encoder whose output is the representation of every task (Caruana 1997).

    The tasks' gradients with respect to it are summed and the encoder is run backward exactly
    once per update. The most economical topology, and the one to try first; tasks that need
    contradicting features compete for the same width.

    tok2vec: `spacy.Tok2VecListener.v1`, a transformer's listener, or an encoder of its own;
        documents to one (n_tokens, width) array each. It stays at `model.tok2vec`, where
        `nlp.replace_listeners` looks for it.
    """
    return Model(
        "hard_sharing",
        forward,
        init=init,
        layers=[tok2vec],
        refs={"tok2vec": tok2vec},
        attrs={"represent": _represent_hard},
    )


def attach(model: Sharing, heads: dict[str, Head]) -> None:
    """Add the tasks' heads, in the order of their names, so that saved nodes find their place."""
    for name in sorted(heads):
        model.layers.append(heads[name])
        model.set_ref(_head_ref(name), heads[name])


def head_of(model: Sharing, task: str) -> Head:
    """The head of a task, which `attach` has added."""
    return model.get_ref(_head_ref(task))


def represent(
    model: Sharing, docs: list[Doc], tasks: Iterable[str], is_train: bool
) -> tuple[dict[str, Packed], Backprop]:
    """Each task's representation of the batch, from one forward of the encoder.

    The callback takes the gradient of each task's representation, (n_tokens, width), and runs
    the encoder backward once. It must be called once per training forward, also with no
    gradients at all: an upstream encoder waits for it.
    """
    represented: tuple[dict[str, Packed], Backprop] = model.attrs["represent"](
        model, docs, list(tasks), is_train
    )
    return represented


def forward(
    model: Sharing, docs: list[Doc], is_train: bool
) -> tuple[dict[str, Any], Callable[[dict[str, Any]], list[Doc]]]:
    """Every task's scores, for use as a plain thinc model; the component calls the parts."""
    tasks = [name.removeprefix("head:") for name in model.ref_names if name.startswith("head:")]
    represented, bp_represent = represent(model, docs, tasks, is_train)
    outputs = {name: head_of(model, name)(represented[name], is_train) for name in tasks}

    def backprop(d_scores: dict[str, Any]) -> list[Doc]:
        bp_represent({name: outputs[name][1](d) for name, d in d_scores.items()})
        return docs

    return {name: scores for name, (scores, _) in outputs.items()}, backprop


def init(model: Sharing, X: list[Doc] | None = None, Y: Any = None) -> None:
    """Initialize the encoder, then each head on the representation that it will get."""
    with fitting("the encoder `tok2vec`"):
        model.get_ref("tok2vec").initialize(X=X)
    tasks = [name.removeprefix("head:") for name in model.ref_names if name.startswith("head:")]
    if X is not None:
        represented, _ = represent(model, X, tasks, False)
        for name in tasks:
            head_of(model, name).initialize(X=represented[name])


def _represent_hard(
    model: Sharing, docs: list[Doc], tasks: list[str], is_train: bool
) -> tuple[dict[str, Packed], Backprop]:
    packed, bp_encode = encode(model, docs, is_train)

    def backprop(gradients: dict[str, Floats2d]) -> None:
        total = model.ops.alloc2f(*packed.X.shape)
        for gradient in gradients.values():
            total += gradient
        bp_encode(total)

    return dict.fromkeys(tasks, packed), backprop


def encode(
    model: Sharing, docs: list[Doc], is_train: bool
) -> tuple[Packed, Callable[[Floats2d], None]]:
    """Run the shared encoder and put its output into one matrix."""
    encoder = model.get_ref("tok2vec")
    vectors, bp_vectors = encode_docs(encoder, docs, is_train)
    X = model.ops.flatten(vectors or [no_vectors(encoder, docs)])
    packed = Packed(X, doc_lengths(docs), docs)

    def backprop(dX: Floats2d) -> None:
        lengths: Any = packed.lengths
        bp_vectors(model.ops.unflatten(dX, lengths))

    return packed, backprop


def _head_ref(task: str) -> str:
    return f"head:{task}"
