"""An ensemble: pipelines of the same tasks that decide together."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ...errors import MTLError
from . import base as topologies
from .base import FIRST, Ran, Represented, Sharing
from .towers import copied


def Ensemble(members: dict[str, Any]) -> Sharing:
    """Several models of the same tasks, whose scores are averaged before they are decoded.

    The mean of unnormalized scores is the mean of log-probabilities up to a constant for each unit,
    of labels as of the paths of a conditional random field: what is decided is the most probable
    under the normalized geometric mean of the members. Of a parser, arcs and relations are
    averaged. It costs as much as all members. Nothing trains it: `spacy mtl merge --ensemble` makes
    it of trained pipelines.

    members: by name, topologies with an encoder of their own each.
    RAISES (MTLError): For none, and for tasks whose scores cannot be averaged (see
        `Task.in_ensemble`).
    """
    if not members:
        raise MTLError("Expected members of an ensemble, got none. Merge trained pipelines.")
    each: list[Model] = list(members.values())
    model: Sharing = Model(
        "ensemble",
        topologies.forward,
        init=topologies.init,
        layers=each,
        refs={_member(number): member for number, member in enumerate(each)},
        attrs={"represent": _represent, "grow": _grow, "resized": _resized, "members": len(each)},
    )
    names = []
    for number, member in enumerate(each):
        for name, encoder in topologies.encoders(member).items():
            names.append(f"{name}_{number}" if number else name)
            model.set_ref(names[-1], encoder)
    model.set_ref(FIRST, each[0].get_ref(FIRST))
    model.attrs["encoders"] = names
    return model


def members_of(model: Sharing) -> list[Sharing]:
    """The members of an ensemble."""
    return [model.get_ref(_member(number)) for number in range(model.attrs["members"])]


def _member(number: int) -> str:
    return f"member_{number}"


def _grow(model: Sharing, heads: Mapping[str, Model]) -> None:
    for task, head in heads.items():
        if "in_ensemble" not in head.attrs:
            raise MTLError(
                f"Expected tasks in an ensemble whose scores can be averaged, got '{task}', which "
                "does not say how (`in_ensemble`). Take the task out of the pipelines."
            )
    for number, member in enumerate(members_of(model)):
        own = {task: copied(head) if number else head for task, head in heads.items()}
        topologies.attach(member, own)


def _resized(model: Sharing, task: str, old: list[str], new: list[str]) -> None:
    first, *others = members_of(model)
    if "resized" in first.attrs:  # its head is the one that has been resized already
        first.attrs["resized"](first, task, old, new)
    for member in others:
        topologies.resize_head(member, task, old, new)


def _represent(model: Sharing, docs: list[Doc], tasks: list[str], is_train: bool) -> Represented:
    if is_train:
        raise MTLError(
            "Expected an ensemble to predict, got a training. Train its members, each in a "
            "pipeline of its own, and merge them again."
        )
    members = members_of(model)
    seen = [topologies.represent(member, docs, tasks, False) for member in members]
    packed = {task: seen[0].packed[task] for task in tasks}
    ran = {}
    for task in tasks:
        scores: list[Any] = [
            (each.ran.get(task) or topologies.head_of(member, task)).predict(each.packed[task])
            for member, each in zip(members, seen, strict=True)
        ]
        head = topologies.head_of(members[0], task)
        together = {"mean": _mean, "stack": model.ops.xp.stack}[head.attrs["in_ensemble"]]
        ran[task] = Ran(head, packed[task], together(scores), _refuse)
    return Represented(packed, seen[0].sites, _no_gradients, ran)


def _mean(scores: list[Any]) -> Any:
    return sum(scores) / len(scores)


def _refuse(d_scores: Any) -> Any:
    raise MTLError("Expected a forward with is_train before the gradient, got a prediction.")


def _no_gradients(gradients: Mapping[str, Floats2d], frozen: Collection[str] = ()) -> Sequence[str]:
    return ()
