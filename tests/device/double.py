"""A module that behaves as cupy does, over numpy's memory.

Its arrays are no arrays of numpy and cannot become some unasked: `np.asarray`, mixed operands and
the assignment of host arrays raise as they do with cupy, so that what would fail on a GPU fails
here. Numbers are computed by numpy, and by thinc's CPU operations where cupy has kernels of its
own. It says nothing about speed, nor about the numbers of a real device.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import thinc.backends.cupy_ops
import thinc.util
from thinc.api import CupyOps, NumpyOps, Ops, get_current_ops, set_current_ops

IMPLICIT = "Implicit conversion to a NumPy array is not allowed. Please use `.get()`"
_HOST_SECOND = {"split", "array_split"}  # where to split may be known on the host
_TO_DEVICE = {"array", "asarray", "ascontiguousarray", "asfortranarray", "asanyarray"}


class ndarray:
    """An array on the device."""

    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, host: Any) -> None:
        self._host = np.asarray(host)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(IMPLICIT)

    @property
    def __array_interface__(self) -> Any:
        raise AttributeError("__array_interface__")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            return NotImplemented
        return _call(ufunc, *inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _call(function, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self._host, name)
        if callable(found):
            return lambda *args, **kwargs: _call(found, *args, **kwargs)
        return on_device(found) if isinstance(found, np.ndarray) else found

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("real", "imag"):
            setattr(self._host, name, to_host(value))
        else:
            super().__setattr__(name, value)

    def get(self) -> Any:
        """A copy on the host."""
        return self._host.copy()

    def __getitem__(self, key: Any) -> Any:
        return on_device(self._host[_index(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self._host[_index(key)] = to_host(value)

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Iterator[Any]:
        return (on_device(row) for row in self._host)

    def __float__(self) -> float:
        return float(self._host)

    def __int__(self) -> int:
        return int(self._host)

    def __index__(self) -> int:
        return self._host.__index__()

    def __bool__(self) -> bool:
        return bool(self._host)

    def __repr__(self) -> str:
        return f"device {self._host!r}"

    def __deepcopy__(self, memo: Any) -> ndarray:
        return ndarray(self._host.copy())

    def __reduce__(self) -> Any:
        return ndarray, (self._host,)


def _operator(name: str) -> Any:
    def method(self: ndarray, *others: Any) -> Any:
        found = _call(getattr(self._host, name), *others)
        return self if name.startswith("__i") and name != "__invert__" else found

    return method


_BINARY = [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
]
for _name in _BINARY:
    for _form in (f"__{_name}__", f"__r{_name}__", f"__i{_name}__"):
        if hasattr(np.ndarray, _form):
            setattr(ndarray, _form, _operator(_form))
for _name in ["eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "abs", "invert"]:
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))


def on_device(value: Any) -> Any:
    """Arrays, and numbers of numpy, which cupy gives as arrays without dimensions."""
    if isinstance(value, (np.ndarray, np.generic)):
        return ndarray(value)
    if isinstance(value, (tuple, list)):
        return type(value)(on_device(each) for each in value)
    return value


def to_host(value: Any) -> Any:
    """What stands in device arrays; an array of the host among them is refused."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (tuple, list)):
        return type(value)(to_host(each) for each in value)
    return value


def _index(key: Any) -> Any:
    """Indices may be of the host."""
    if isinstance(key, tuple):
        return tuple(_index(each) for each in key)
    return key._host if isinstance(key, ndarray) else key


def _call(function: Any, *args: Any, **kwargs: Any) -> Any:
    given = {name: to_host(value) for name, value in kwargs.items()}
    found = function(*(to_host(value) for value in args), **given)
    return kwargs["out"] if isinstance(kwargs.get("out"), ndarray) else on_device(found)


class Cupy(ModuleType):
    """numpy's functions on device arrays."""

    ndarray = ndarray
    random: Any

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        if name in _TO_DEVICE:
            return lambda data, *args, **kwargs: ndarray(
                found(data._host if isinstance(data, ndarray) else data, *args, **kwargs)
            )
        if isinstance(found, type) or not callable(found):
            return found
        if name in _HOST_SECOND:
            return lambda array, second, *args: _call(
                lambda host: found(host, _index(second), *args), array
            )
        return lambda *args, **kwargs: _call(found, *args, **kwargs)


def make_cupy() -> Cupy:
    """The module."""
    module = Cupy("cupy")
    module.__version__ = "0.double"
    drawn = {
        name: (lambda f: lambda *args, **kwargs: on_device(f(*args, **kwargs)))(
            getattr(np.random, name)
        )
        for name in ("uniform", "normal", "random", "randint", "rand", "randn")
    }
    module.random = SimpleNamespace(seed=np.random.seed, **drawn)
    module.asnumpy = lambda array: array.get() if isinstance(array, ndarray) else array
    module.save = lambda file, array: np.save(file, module.asnumpy(array))
    module.get_array_module = lambda *args: module if isinstance(args[0], ndarray) else np
    device = SimpleNamespace(Device=_Device)
    module.get_default_memory_pool = lambda: SimpleNamespace(free_all_blocks=lambda: None)
    module.cuda = SimpleNamespace(device=device, Device=_Device, nvtx=None)
    return module


class _Device:
    def __init__(self, number: int = 0) -> None:
        self.id = number

    def use(self) -> None:
        pass

    def __enter__(self) -> _Device:
        return self

    def __exit__(self, *error: Any) -> None:
        pass


def _kernel(name: str) -> Any:
    """An operation that cupy has a kernel for, by the one on the CPU."""
    by_numpy = getattr(NumpyOps, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _call(by_numpy, _ON_HOST, *map(_contiguous, args), **kwargs)

    return method


_ON_HOST = NumpyOps()


def _contiguous(value: Any) -> Any:
    if isinstance(value, ndarray) and not value._host.flags["C_CONTIGUOUS"]:
        return ndarray(np.ascontiguousarray(value._host))
    return value


def _asarray(self: Any, data: Any, dtype: Any = None) -> Any:
    if isinstance(data, ndarray):
        return ndarray(np.asarray(data._host, dtype=dtype))
    if hasattr(data, "detach"):
        return ndarray(np.asarray(data.detach().numpy(), dtype=dtype))
    host = (
        [each._host if isinstance(each, ndarray) else each for each in data]
        if isinstance(data, (list, tuple))
        else data
    )
    return ndarray(np.array(host, dtype=dtype))


def _to_numpy(self: Any, data: Any, *, byte_order: Any = None) -> Any:
    array = data if isinstance(data, np.ndarray) else data.get()
    return np.asarray(array, dtype=array.dtype.newbyteorder(byte_order)) if byte_order else array


def _xp2torch(array: Any, requires_grad: bool = False, device: Any = None) -> Any:
    import torch

    host = array._host if isinstance(array, ndarray) else array
    tensor = torch.from_numpy(host if host.flags.writeable else host.copy())
    return tensor.requires_grad_() if requires_grad else tensor


def _torch2xp(tensor: Any, *, ops: Any = None) -> Any:
    on_gpu = isinstance(get_current_ops() if ops is None else ops, CupyOps)
    host = tensor.detach().numpy()
    return ndarray(host) if on_gpu else host


def use_double(patch: pytest.MonkeyPatch) -> Any:
    """Let thinc and all that uses it compute on the double; the module in cupy's place."""
    cupy = make_cupy()
    for name, value in {
        "cupy": cupy,
        "has_cupy": True,
        "has_cupy_gpu": True,
        "has_gpu": True,
    }.items():
        patch.setattr(thinc.util, name, value)
    patch.setitem(sys.modules, "cupy", cupy)
    patch.setattr(CupyOps, "xp", cupy)
    for name in vars(CupyOps):
        if (
            not name.startswith("_")
            and callable(getattr(CupyOps, name))
            and hasattr(NumpyOps, name)
        ):
            patch.setattr(CupyOps, name, _kernel(name))
    patch.setattr(CupyOps, "asarray", _asarray)
    patch.setattr(CupyOps, "to_numpy", _to_numpy)
    patch.setattr(CupyOps, "gemm", Ops.gemm)
    patch.setattr(thinc.backends.cupy_ops, "is_cupy_array", lambda a: isinstance(a, ndarray))
    places = {"xp2torch": _xp2torch, "torch2xp": _torch2xp, "get_torch_default_device": _on_cpu}
    for module in list(sys.modules.values()):
        for name, value in places.items():
            if vars(module).get(name) is getattr(thinc.util, name) and module is not thinc.util:
                patch.setattr(module, name, value)
    for name, value in places.items():
        patch.setattr(thinc.util, name, value)
    before = get_current_ops()
    set_current_ops(CupyOps())
    return before


def _on_cpu() -> Any:
    import torch

    return torch.device("cpu")
