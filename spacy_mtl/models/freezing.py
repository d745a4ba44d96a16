"""Freezing: parameters that take no gradient, so that no optimizer moves them.

An optimizer moves a parameter also when its gradient is zero, by momentum and weight decay. A
frozen one has no gradient at all, so that every `finish_update`, spaCy's as well as ours, passes
over it. Its value, its place in the saved model and what the optimizer knows about it stay.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from thinc.api import Model
from thinc.backends import ParamServer
from thinc.shims import Shim
from thinc.types import FloatsXd

Owner = Model | Shim
_FROZEN = "_frozen_parameters"  # of a torch module: the names of those that we have frozen


def freeze(model: Model) -> None:
    """Freeze all parameters of a model, those of PyTorch layers in it included.

    They stay frozen in this process until `unfreeze`; a saved model does not know of it, and a
    copy of a thinc layer is free.
    """
    for owner in owners(model):
        set_frozen(owner, parameter_names(owner))


def unfreeze(model: Model) -> None:
    """Let all parameters of a model learn again, from their next gradient on."""
    for owner in owners(model):
        set_frozen(owner, ())


def is_frozen(model: Model) -> bool:
    """Whether the model has parameters, and all are frozen."""
    found = list(owners(model))
    return bool(found) and all(set(parameter_names(o)) == frozen_names(o) for o in found)


def learns(model: Model) -> bool:
    """Whether the model has a parameter that is not frozen."""
    return any(set(parameter_names(owner)) > frozen_names(owner) for owner in owners(model))


def drop_gradients(model: Model) -> None:
    """Forget the gradients that a model has accumulated."""
    for owner in owners(model):
        before = frozen_names(owner)
        set_frozen(owner, parameter_names(owner))
        set_frozen(owner, before)


def owners(model: Model) -> Iterator[Owner]:
    """The layers and PyTorch wrappers below a model that have parameters of their own."""
    for node in model.walk(order="dfs_pre"):
        here: list[Owner] = [node, *node.shims]
        yield from (owner for owner in here if parameter_names(owner))


def parameter_names(owner: Owner) -> tuple[str, ...]:
    """The names of the parameters of a layer or PyTorch wrapper, in their order."""
    if isinstance(owner, Model):
        return owner.param_names
    module = torch_module(owner)
    return () if module is None else tuple(name for name, _ in module.named_parameters())


def frozen_names(owner: Owner) -> frozenset[str]:
    """The names of those that are frozen."""
    if isinstance(owner, Model):
        return owner._params.frozen if isinstance(owner._params, FrozenParams) else frozenset()
    return frozenset(getattr(torch_module(owner), _FROZEN, ()))


def set_frozen(owner: Owner, names: Collection[str]) -> None:
    """Freeze these parameters of a layer or PyTorch wrapper, and no others.

    A gradient that was accumulated for one that is newly frozen is dropped.
    """
    wanted = frozenset(names)
    if wanted == frozen_names(owner):
        return
    if isinstance(owner, Model):
        owner._params = _params(owner._params, wanted)
    else:
        _set_requires_grad(torch_module(owner), wanted)


def freeze_again(module: Any) -> None:
    """Freeze what was frozen of a torch module that has got other parameters of the same names."""
    for name in getattr(module, _FROZEN, ()):
        module.get_parameter(name).requires_grad_(False)


class FrozenParams(ParamServer):
    """The parameters of a layer, some of which are frozen: they ignore gradients."""

    frozen: frozenset[str]

    def set_grad(self, model_id: int, name: str, value: FloatsXd) -> None:
        """Set a gradient, unless the parameter is frozen."""
        if name not in self.frozen:
            super().set_grad(model_id, name, value)

    def inc_grad(self, model_id: int, name: str, value: FloatsXd) -> None:
        """Add to a gradient, unless the parameter is frozen."""
        if name not in self.frozen:
            super().inc_grad(model_id, name, value)


def _params(before: ParamServer, frozen: frozenset[str]) -> ParamServer:
    """The same arrays, with these names frozen."""
    grads = {key: grad for key, grad in before._grads.items() if key[1] not in frozen}
    if not frozen:
        return ParamServer(before._params, grads, proxy=before.proxy)
    after = FrozenParams(before._params, grads, proxy=before.proxy)
    after.frozen = frozen
    return after


def torch_module(shim: Shim) -> Any:
    """The PyTorch module in a wrapper, None if there is none (yet)."""
    return shim._model if hasattr(shim._model, "named_parameters") else None


def _set_requires_grad(module: Any, wanted: frozenset[str]) -> None:
    """Freeze in PyTorch's way, which spares the backward below what still learns."""
    before = getattr(module, _FROZEN, None)
    if before is None:
        module.register_forward_hook(_accept_gradient)
        before = set()
    frozen = set()
    for name, parameter in module.named_parameters():
        if name in wanted and (name in before or parameter.requires_grad):
            parameter.requires_grad_(False)
            parameter.grad = None
            frozen.add(name)
        elif name in before:
            parameter.requires_grad_(True)
    setattr(module, _FROZEN, frozen)


def _accept_gradient(module: Any, args: Any, output: Any) -> None:
    """Let a module of which nothing learns take the gradient that thinc sends to its output.

    PyTorch refuses to go backward from tensors that depend on nothing that learns.
    """
    import torch

    if torch.is_grad_enabled():
        tensors = [tensor for tensor in _tensors(output) if tensor.is_floating_point()]
        if not any(tensor.requires_grad for tensor in tensors):
            for tensor in tensors:
                tensor.requires_grad_()


def _tensors(output: Any) -> Iterator[Any]:
    if hasattr(output, "requires_grad_"):
        yield output
    elif isinstance(output, dict):
        for value in output.values():
            yield from _tensors(value)
    elif isinstance(output, (list, tuple)):
        for value in output:
            yield from _tensors(value)
