"""Soft sharing: an encoder for each task, held together by a penalty."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model, get_array_module, torch2xp
from thinc.types import Floats2d

from ..encoding import Encoder
from ..freezing import owners, parameter_names, torch_module
from .base import FIRST, Labelled, Represented, Sharing, encode, encoders, private_parts, topology
from .own_steps import OwnSteps
from .towers import check_own, grow_towers, tower_name

TABLE = 1024  # rows from which a matrix is a table, of which a batch looks up few rows


def SoftSharing(tok2vec: Encoder, strength: Any = 0.001) -> Sharing:
    """An encoder of its own for each task, tied to the others by a penalty.

    The objective is the sum of the tasks' losses and of `strength` times the squared distance of
    the encoders to their mean, over all parameters (Duong et al. 2015,
    https://aclanthology.org/P15-2139, for two encoders; Yang and Hospedales 2017,
    https://arxiv.org/abs/1606.04038, compare such penalties). Strong penalties come close to hard
    sharing, none at all to pipelines of their own. A task's encoder sees in training the documents
    that are labelled for it. It costs as many encoders as tasks, also in prediction: try hard
    sharing first, and this where tasks disagree but have little data each.

    In each step the penalty moves what the tasks' gradients move: the encoders of tasks that the
    batch has, and of a table of vectors the rows that it looks up.

    tok2vec: an encoder of its own, not a listener. It is copied for each task, and each copy gets
        first numbers of its own; pretrained weights are the same in all.
    strength: of the penalty, zero or more; a number, or a thinc schedule over the optimizer's
        steps. With Adam what counts is how it stands to the tasks' gradients, which are sums over
        a batch unless `loss_unit` says otherwise.
    RAISES (MTLError): For a listener, or a strength below zero.
    """
    check_own(tok2vec, "spacy_mtl.SoftSharing.v1")
    return topology(
        "soft_sharing",
        _represent,
        {FIRST: tok2vec},
        sees_labelled=True,
        grow=grow_towers,
        own_steps=OwnSteps(strength, "`strength` of soft sharing", _pull_together),
    )


def _represent(
    model: Sharing, docs: list[Doc], tasks: list[str], is_train: bool, labelled: Labelled
) -> Represented:
    documents = {task: labelled.documents(task) for task in tasks}
    sites = {task: tower_name(task) for task in tasks}
    ran = {
        task: encode(model.get_ref(sites[task]), [docs[number] for number in own], is_train)
        for task, own in documents.items()
    }

    def backprop(
        gradients: Mapping[str, Floats2d], frozen: Collection[str] = ()
    ) -> Collection[str]:
        for task, dX in gradients.items():
            if sites[task] not in frozen:
                ran[task][1](dX)
        return ()

    packed = {task: seen for task, (seen, _) in ran.items()}
    return Represented(packed, sites, backprop, documents=documents)


def distance(model: Sharing) -> float:
    """The squared distance of the encoders to their mean, over all parameters."""
    total = 0.0
    for values, _ in _aligned(model):
        mean = sum(values) / len(values)
        total += sum(float(((value - mean) ** 2).sum()) for value in values)
    return total


def _pull_together(model: Sharing, strength: float, tasks: Collection[str]) -> None:
    """Add the gradients of the penalty to those of the encoders that step.

    What rests keeps no gradient of it, which would wait for the next step and be added again.
    """
    if not strength:
        return
    moving = [set(own) & set(tasks) for own in private_parts(model).values()]
    for values, gradients in _aligned(model):
        mean = sum(values) / len(values)
        for value, gradient, moves in zip(values, gradients, moving, strict=True):
            if moves and gradient is not None:
                pull = 2 * strength * (value - mean)
                if value.ndim == 2 and len(value) >= TABLE:
                    pull *= get_array_module(gradient).any(gradient, axis=1, keepdims=True)
                gradient += pull


def _aligned(model: Sharing) -> Iterator[tuple[list[Any], list[Any]]]:
    """The values of each parameter in all encoders, and its gradients, None where there is none."""
    towers = [list(_parameters(encoder)) for encoder in encoders(model).values()]
    for same in zip(*towers, strict=True):
        values, gradients = zip(*same, strict=True)
        yield list(values), list(gradients)


def _parameters(encoder: Model) -> Iterator[tuple[Any, Any]]:
    for owner in owners(encoder):
        for name in parameter_names(owner):
            if isinstance(owner, Model):
                yield owner.get_param(name), owner.maybe_get_grad(name)
            else:
                tensor = torch_module(owner).get_parameter(name)
                gradient = None if tensor.grad is None else torch2xp(tensor.grad)
                yield torch2xp(tensor.detach()), gradient
