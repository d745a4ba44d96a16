"""What a topology is: encoders, and each task's representation that is made of their output.

A topology is a thinc model that `topology` makes of encoders and a function `represent`. The
component attaches the heads with `attach`, asks for the tasks' representations with `represent`,
and hands each task's gradient to what that returned. Nothing else is known of a topology.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model, Ops
from thinc.types import Floats2d

from ...errors import MTLError
from ..encoding import Encoder, encode_docs, no_vectors
from ..fitting import fitting
from ..heads import resize
from ..packed import Packed, doc_lengths
from ..static_vectors import check_static_vectors
from .own_steps import OwnSteps
from .represented import Labelled as Labelled
from .represented import Ran as Ran
from .represented import Represented as Represented

Sharing = Model[list[Doc], dict[str, Any]]
Represent = Callable[..., Represented]
FIRST = "tok2vec"  # the first encoder: the ref where `nlp.replace_listeners` looks for it


@dataclass(frozen=True)
class BatchPenalty:
    """A penalty whose gradients for parts of a batch do not add up to that for the batch.

    setting: of the topology, with its weight, 0 for none. It is not saved with the model.
    """

    setting: str
    weight: float


def topology(
    name: str,
    represent: Represent,
    encoders: Mapping[str, Encoder],
    *,
    tasks: Iterable[str] = (),
    corpora: Iterable[str] = (),
    needs: Mapping[str, Iterable[str]] | None = None,
    sees_labelled: bool = False,
    grow: Callable[[Sharing, Mapping[str, Model]], None] | None = None,
    init_parts: Callable[[Sharing, list[Doc]], None] | None = None,
    resized: Callable[[Sharing, str, list[str], list[str]], None] | None = None,
    own_steps: OwnSteps | None = None,
    penalty: BatchPenalty | None = None,
) -> Sharing:
    """A topology as a thinc model.

    A topology that knows tasks by name works without them too, as the single pipelines of
    `spacy mtl compare` have one task. Where it cannot, because a task sees another one's scores,
    it says so in `needs`, and the other is never taken out alone.

    represent: gets the model, documents, names of tasks, and whether it is training; with
        `sees_labelled` a `Labelled` besides.
    encoders: by name, the first one "tok2vec". Each is a listener, or an encoder of its own.
    tasks: the names that its settings have, so that one which no task has is an error.
    corpora: in the same way, the names of corpora.
    needs: by task, those whose heads must be there for it. These names are known without `tasks`.
    grow: adds what the topology has for each task, given their heads in the order of their names,
        before it has these: see `add_part`.
    init_parts: initializes these, given the documents, after the encoders and before the heads.
    resized: told when the columns of a task's scores change, with those before and after.
    own_steps: what it learns beside the tasks. penalty: see `BatchPenalty`.
    """
    model: Sharing = Model(
        name,
        forward,
        init=init,
        layers=list(encoders.values()),
        refs=dict(encoders),
        attrs={"represent": represent},
    )
    extras: dict[str, Any] = {
        "sees_labelled": sees_labelled,
        "grow": grow,
        "init_parts": init_parts,
        "resized": resized,
        "own": own_steps,
        "penalty": penalty,
        "corpora": list(corpora),
    }
    model.attrs.update({name: value for name, value in extras.items() if value})
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


def named_corpora(model: Sharing) -> list[str]:
    """The names of corpora that the topology says to know."""
    return list(model.attrs.get("corpora", []))


def add_part(
    model: Sharing, name: str, part: Model, tasks: Iterable[str] = (), told: bool = False
) -> None:
    """Add a part, which `model.get_ref` finds by its name.

    tasks: those by which alone it learns, if not all; it rests where the batch has none of them.
    told: whether it rests unless `Backprop` returns its name, which no task may have.
    """
    if part not in model.layers:
        model.layers.append(part)
    model.set_ref(name, part)
    if own := list(tasks):
        model.attrs.setdefault("private", {})[name] = own
    if told:
        model.attrs.setdefault("told", []).append(name)


def sees_labelled(model: Sharing) -> bool:
    """Whether its `represent` is told which documents tasks learn from."""
    return bool(model.attrs.get("sees_labelled"))


def private_parts(model: Sharing) -> dict[str, list[str]]:
    """The parts that learn by some tasks alone, with these."""
    return dict(model.attrs.get("private", {}))


def own_parts(model: Sharing, task: str) -> list[Model]:
    """A task's head, and the parts that learn by it alone."""
    alone = [name for name, tasks in private_parts(model).items() if tasks == [task]]
    return [head_of(model, task), *map(model.get_ref, alone)]


def told_parts(model: Sharing) -> list[str]:
    """The parts that learn in the batches alone in which the topology says so."""
    return list(model.attrs.get("told", []))


def own_steps(model: Sharing) -> OwnSteps | None:
    """What the topology learns beside the tasks, None if there is nothing."""
    found: OwnSteps | None = model.attrs.get("own")
    return found


def batch_penalty(model: Model) -> BatchPenalty | None:
    """See `BatchPenalty`; None for a model without."""
    found: BatchPenalty | None = model.attrs.get("penalty")
    return found


def attach(model: Sharing, heads: Mapping[str, Model]) -> None:
    """Add the tasks' heads, in the order of their names, so that saved nodes find their place."""
    if "grow" in model.attrs:
        model.attrs["grow"](model, {name: heads[name] for name in sorted(heads)})
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


def resize_head(model: Sharing, task: str, old: list[str], new: list[str]) -> None:
    """Give a task's head other columns, see `spacy_mtl.models.heads.resize`."""
    resize(head_of(model, task), old, new)
    if "resized" in model.attrs:
        model.attrs["resized"](model, task, old, new)


def represent(
    model: Sharing,
    docs: list[Doc],
    tasks: Iterable[str],
    is_train: bool,
    labelled: Labelled | None = None,
) -> Represented:
    """Each task's representation of the batch, from one forward of each encoder.

    labelled: which documents tasks learn from, in training.
    """
    given: list[Any] = [model, docs, list(tasks), is_train]
    if sees_labelled(model):
        given.append(labelled or Labelled(len(docs)))
    represented: Represented = model.attrs["represent"](*given)
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
    if "init_parts" in model.attrs:
        model.attrs["init_parts"](model, X)
    for name in tasks_of(model):
        packed = represent(model, X, [name], False).packed[name]
        head_of(model, name).initialize(X=packed)


def _head_ref(task: str) -> str:
    return f"head:{task}"
