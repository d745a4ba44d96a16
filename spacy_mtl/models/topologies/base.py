"""What a topology is: encoders, and each task's representation that is made of their output.

A topology is a thinc model that `topology` makes of encoders and a function `represent`. The
component attaches the heads with `attach`, asks for the tasks' representations with `represent`,
and hands each task's gradient to what that returned. Nothing else is known of a topology.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol

from spacy.tokens import Doc
from thinc.api import Model, Ops
from thinc.types import Floats2d

from ...errors import MTLError
from ..encoding import Encoder, encode_docs, no_vectors
from ..fitting import fitting
from ..packed import Packed, doc_lengths
from ..static_vectors import check_static_vectors

Sharing = Model[list[Doc], dict[str, Any]]
Represent = Callable[[Sharing, list[Doc], list[str], bool], "Represented"]
FIRST = "tok2vec"  # the first encoder: the ref where `nlp.replace_listeners` looks for it


class Head(Protocol):
    """From a representation to a task's scores: a thinc model, or one that has run already."""

    @property
    def ops(self) -> Ops: ...

    def __call__(self, X: Any, is_train: bool) -> tuple[Any, Callable[[Any], Any]]: ...

    def predict(self, X: Any) -> Any: ...


class Backprop(Protocol):
    """Runs the encoders backward, each once, with the gradients of the representations.

    Called once for each training forward, also with no gradients at all: an upstream encoder waits
    for it.
    """

    def __call__(
        self, gradients: Mapping[str, Floats2d], frozen: Collection[str] = ()
    ) -> Collection[str]:
        """gradients: by task, (n_tokens, width) as its representation. frozen: the encoders that
        get none.

        Returns the tasks whose heads got a gradient on the way, because the topology had run them.
        """


@dataclass(frozen=True)
class Ran:
    """A head that the topology has run, on the representation of its task.

    Its backward may be called a second time, for the task's own loss: both add up.
    """

    head: Model
    packed: Packed
    scores: Any
    backprop: Callable[[Any], Any]

    @property
    def ops(self) -> Ops:
        return self.head.ops

    def __call__(self, X: Any, is_train: bool) -> tuple[Any, Callable[[Any], Any]]:
        """What it gave, on the same representation; on anything else it runs anew."""
        if X is self.packed:
            return self.scores, self.backprop
        return self.head(X, is_train)

    def predict(self, X: Any) -> Any:
        """See `__call__`."""
        return self.scores if X is self.packed else self.head.predict(X)


@dataclass(frozen=True)
class Represented:
    """A batch as each task sees it.

    packed: by task, its representation.
    sites: by task, the name of the place in the model that this is the output of. Gradients are
        compared between tasks of the same site alone, as only there they are of the same numbers.
    backprop: see `Backprop`.
    ran: by task, the head, if `represent` needed its scores.
    """

    packed: Mapping[str, Packed]
    sites: Mapping[str, str]
    backprop: Backprop
    ran: Mapping[str, Ran] = field(default_factory=dict)


def topology(
    name: str,
    represent: Represent,
    encoders: Mapping[str, Encoder],
    *,
    tasks: Iterable[str] = (),
    needs: Mapping[str, Iterable[str]] | None = None,
) -> Sharing:
    """A topology as a thinc model.

    A topology that knows tasks by name works without them too, as the single pipelines of
    `spacy mtl compare` have one task. Where it cannot, because a task sees another one's scores,
    it says so in `needs`, and the other is never taken out alone.

    represent: gets the model, documents, names of tasks, and whether it is training.
    encoders: by name, the first one "tok2vec". Each is a listener, or an encoder of its own.
    tasks: the names that its settings have, so that one which no task has is an error.
    needs: by task, those whose heads must be there for it. These names are known without `tasks`.
    """
    model: Sharing = Model(
        name,
        forward,
        init=init,
        layers=list(encoders.values()),
        refs=dict(encoders),
        attrs={"represent": represent},
    )
    if list(encoders) != [FIRST]:
        model.attrs["encoders"] = list(encoders)
    by_task = {task: list(others) for task, others in (needs or {}).items()}
    if by_task:
        model.attrs["needs"] = by_task
    if named := list(dict.fromkeys([*tasks, *by_task, *chain.from_iterable(by_task.values())])):
        model.attrs["tasks"] = named
    return model


def encoders(model: Sharing) -> dict[str, Encoder]:
    """The topology's encoders by name."""
    return {name: model.get_ref(name) for name in model.attrs.get("encoders", [FIRST])}


def needs(model: Sharing) -> dict[str, list[str]]:
    """By task, those whose heads must be there for it."""
    return dict(model.attrs.get("needs", {}))


def named_tasks(model: Sharing) -> list[str]:
    """The names of tasks that the topology says to know."""
    return list(model.attrs.get("tasks", []))


def attach(model: Sharing, heads: Mapping[str, Model]) -> None:
    """Add the tasks' heads, in the order of their names, so that saved nodes find their place."""
    for name in sorted(heads):
        model.layers.append(heads[name])
        model.set_ref(_head_ref(name), heads[name])


def head_of(model: Sharing, task: str) -> Model:
    """The head of a task, which `attach` has added.

    RAISES (MTLError): If there is no such task.
    """
    if not model.has_ref(_head_ref(task)):
        raise MTLError(
            f"Expected a task '{task}' for the topology '{model.name}', which runs its head, got "
            f"{', '.join(tasks_of(model)) or 'no task'}. Correct the name in the topology's "
            "settings, or add the task."
        )
    return model.get_ref(_head_ref(task))


def tasks_of(model: Sharing) -> list[str]:
    """The names of the tasks that `attach` has given heads."""
    return [name.removeprefix("head:") for name in model.ref_names if name.startswith("head:")]


def represent(model: Sharing, docs: list[Doc], tasks: Iterable[str], is_train: bool) -> Represented:
    """Each task's representation of the batch, from one forward of each encoder."""
    represented: Represented = model.attrs["represent"](model, docs, list(tasks), is_train)
    return represented


def encode(
    encoder: Encoder, docs: list[Doc], is_train: bool
) -> tuple[Packed, Callable[[Floats2d], None]]:
    """Run an encoder and put its output into one matrix, (n_tokens, width)."""
    vectors, bp_vectors = encode_docs(encoder, docs, is_train)
    ops = encoder.ops
    X = ops.flatten(vectors or [no_vectors(encoder, docs)])
    packed = Packed(X, doc_lengths(docs), docs)

    def backprop(dX: Floats2d) -> None:
        lengths: Any = packed.lengths
        bp_vectors(ops.unflatten(dX, lengths))

    return packed, backprop


def run_head(model: Sharing, task: str, packed: Packed, is_train: bool) -> Ran:
    """Run a task's head in a topology that needs its scores."""
    head = head_of(model, task)
    if not all(node.has_param(p) for node in head.walk() for p in node.param_names):
        head.initialize(X=packed)  # that of a task which stands behind this one in `init`
    scores, backprop = head(packed, is_train)
    return Ran(head, packed, scores, backprop)


def summed(ops: Ops, packed: Packed, gradients: Iterable[Floats2d]) -> Floats2d:
    """The sum of gradients of one representation, zeros without any."""
    total = ops.alloc2f(*packed.X.shape)
    for gradient in gradients:
        total += gradient
    return total


def forward(
    model: Sharing, docs: list[Doc], is_train: bool
) -> tuple[dict[str, Any], Callable[[dict[str, Any]], list[Doc]]]:
    """Every task's scores, for use as a plain thinc model; the component calls the parts."""
    tasks = tasks_of(model)
    represented = represent(model, docs, tasks, is_train)
    heads = {name: represented.ran.get(name) or head_of(model, name) for name in tasks}
    outputs = {name: heads[name](represented.packed[name], is_train) for name in tasks}

    def backprop(d_scores: dict[str, Any]) -> list[Doc]:
        represented.backprop({name: outputs[name][1](d) for name, d in d_scores.items()})
        return docs

    return {name: scores for name, (scores, _) in outputs.items()}, backprop


def init(model: Sharing, X: list[Doc] | None = None, Y: Any = None) -> None:
    """Initialize the encoders, then each head on the representation that it will get."""
    for name, encoder in encoders(model).items():
        if X:
            check_static_vectors(encoder, X[0].vocab)
        with fitting(f"the encoder `{name}`"):
            encoder.initialize(X=X)
    if X is None:
        return
    for name in tasks_of(model):
        packed = represent(model, X, [name], False).packed[name]
        head_of(model, name).initialize(X=packed)


def _head_ref(task: str) -> str:
    return f"head:{task}"
