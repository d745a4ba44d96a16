"""The parameters of a pipeline and their gradients, under names that hold in any process.

thinc keeps a gradient that it has set to zero, and every optimizer goes on moving such a parameter
by momentum and weight decay. So which parameters have a gradient belongs to the state, as do what
is left in them, and even the signs of their zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from thinc.api import Model, get_array_module, get_current_ops, to_numpy, torch2xp
from thinc.shims import Shim

from ..errors import MTLError
from ..models.freezing import set_frozen, torch_module
from ..state import State, joined, part_of
from .parameters import Parameter, named_parameters


def checked_parameters(nlp: Language) -> dict[str, Parameter]:
    """All parameters that have a value, by their paths.

    RAISES (MTLError): If two have the same path, or a layer is of neither thinc nor PyTorch.
    """
    for name, pipe in nlp.components:
        model = getattr(pipe, "model", None)
        shims = [s for n in model.walk() for s in n.shims] if isinstance(model, Model) else []
        if any(torch_module(shim) is None for shim in shims):
            raise MTLError(
                f"Expected layers of thinc and PyTorch in '{name}', whose state can be written "
                "to checkpoints, got another library's. Train with `spacy train`."
            )
    found: dict[str, Parameter] = {}
    for parameter in named_parameters(nlp):
        if parameter.name in found:
            raise MTLError(
                f"Expected one parameter with the path {parameter.name}, got two. Give the "
                "components of the pipeline names without dots."
            )
        if parameter.has_value:
            found[parameter.name] = parameter
    return found


def shim_paths(parameters: dict[str, Parameter]) -> dict[str, Shim]:
    """The PyTorch wrappers by the path that the names of their parameters begin with."""
    found: dict[str, Shim] = {}
    for parameter in parameters.values():
        if isinstance(parameter.owner, Shim):
            found[parameter.name.removesuffix(f".{parameter.local}")] = parameter.owner
    return found


def parameter_state(parameters: dict[str, Parameter]) -> State:
    """Values, gradients, what is frozen, and what else PyTorch models hold."""
    parts: dict[str, State] = {"value": {}, "gradient": {}, "zero": {}, "frozen": {}, "torch": {}}
    for name, parameter in parameters.items():
        parts["value"][name] = on_host(value_of(parameter))
        if parameter.frozen:
            parts["frozen"][name] = np.asarray(True)
        gradient = gradient_of(parameter)
        if gradient is not None:
            host = on_host(gradient)
            if host.any():
                parts["gradient"][name] = host
            else:
                parts["zero"][name] = np.packbits(np.signbit(host))
    for name, tensor in _other_tensors(parameters):
        parts["torch"][name] = on_host(tensor)
    return joined(parts)


def load_parameter_state(parameters: dict[str, Parameter], state: State) -> None:
    """Set all that `parameter_state` gave, in place.

    RAISES (MTLError): If the pipeline has other parameters, or of other shapes.
    """
    values = part_of(state, "value")
    _check_names(parameters, values)
    by_owner: dict[Any, set[str]] = {p.owner: set() for p in parameters.values()}
    for name in part_of(state, "frozen"):
        by_owner[parameters[name].owner].add(parameters[name].local)
    for owner, frozen in by_owner.items():
        set_frozen(owner, frozen)
    gradients, zeros = part_of(state, "gradient"), part_of(state, "zero")
    for name, parameter in parameters.items():
        target = value_of(parameter)
        assign(target, values[name], name)
        if name in gradients:
            _set_gradient(parameter, gradients[name])
        elif name in zeros:
            _set_gradient(parameter, _zeros(tuple(target.shape), zeros[name]))
    others = part_of(state, "torch")
    for name, tensor in _other_tensors(parameters):
        assign(tensor, others[name], name)


def value_of(parameter: Parameter) -> Any:
    """The array or PyTorch tensor."""
    owner = parameter.owner
    if isinstance(owner, Model):
        return owner.get_param(parameter.local)
    return torch_module(owner).get_parameter(parameter.local)


def on_host(array: Any) -> NDArray:
    """An array of numpy's with the content of one of numpy's, cupy's or PyTorch's."""
    if hasattr(array, "detach"):
        tensor = array.detach().cpu()
        return np.asarray((_halves(tensor) if _is_bfloat16(tensor) else tensor).numpy())
    return np.asarray(to_numpy(array))


def _check_names(parameters: dict[str, Parameter], values: State) -> None:
    if set(values) != set(parameters):
        missing = ", ".join(sorted(set(parameters) - set(values))[:3]) or "none"
        unknown = ", ".join(sorted(set(values) - set(parameters))[:3]) or "none"
        raise MTLError(
            "Expected the checkpoint to have the parameters of the pipeline, got unknown ones "
            f"({unknown}) and missing ones ({missing}). Go on with the code that it was written by."
        )


def gradient_of(parameter: Parameter) -> Any:
    """The array or PyTorch tensor, None if there is none."""
    owner = parameter.owner
    if isinstance(owner, Model):
        return owner.maybe_get_grad(parameter.local)
    return value_of(parameter).grad


def gradient_array(parameter: Parameter) -> Any:
    """The gradient as an array of numpy or cupy that shares its memory, None if there is none."""
    gradient = gradient_of(parameter)
    return torch2xp(gradient) if hasattr(gradient, "detach") else gradient


def ensure_gradient(parameter: Parameter) -> None:
    """Give it a gradient of zero if it has none."""
    if gradient_of(parameter) is None:
        _set_gradient(parameter, np.zeros(tuple(value_of(parameter).shape), dtype="float32"))


def _set_gradient(parameter: Parameter, gradient: NDArray) -> None:
    owner = parameter.owner
    if isinstance(owner, Model):
        owner.set_grad(parameter.local, on_device(gradient))
        return
    tensor = value_of(parameter)
    tensor.grad = tensor.detach().clone()
    assign(tensor.grad, gradient, parameter.name)


def _zeros(shape: tuple[int, ...], signs: NDArray) -> NDArray:
    """Zeros with these signs."""
    zeros = np.zeros(shape, dtype="float32")
    negative = np.unpackbits(signs, count=zeros.size).astype(bool).reshape(shape)
    zeros[negative] = -0.0
    return zeros


def _other_tensors(parameters: dict[str, Parameter]) -> Iterator[tuple[str, Any]]:
    """What PyTorch models hold beside parameters, and how their gradients are scaled."""
    for path, shim in shim_paths(parameters).items():
        module: Any = torch_module(shim)
        yield from ((f"{path}.{name}", tensor) for name, tensor in module.named_buffers())
        scaler = getattr(shim, "_grad_scaler", None)
        if scaler is not None:
            yield f"{path}/scale", scaler._scale
            yield f"{path}/growth", scaler._growth_tracker


def assign(target: Any, values: NDArray, name: str) -> None:
    """Set an array or PyTorch tensor in place. name: what it is called in messages.

    RAISES (MTLError): If the shapes differ.
    """
    if tuple(target.shape) != values.shape:
        raise MTLError(
            f"Expected {tuple(target.shape)} as the shape of {name}, got {values.shape} in the "
            "checkpoint. Go on with the code that it was written by."
        )
    if hasattr(target, "detach"):
        import torch

        with torch.no_grad():
            target = _halves(target.data) if _is_bfloat16(target) else target.data
            target.copy_(torch.from_numpy(np.array(values)))
    else:
        xp: Any = get_array_module(target)
        target[...] = xp.asarray(values) if xp is not np else values


def _is_bfloat16(tensor: Any) -> bool:
    return str(tensor.dtype) == "torch.bfloat16"  # which numpy does not have


def _halves(tensor: Any) -> Any:
    import torch

    return tensor.view(torch.int16)


def on_device(array: NDArray) -> Any:
    """A copy for the present device."""
    ops: Any = get_current_ops()
    return ops.asarray(np.array(array))
