"""Which library computes: PyTorch where it is installed, otherwise NumPy or cupy."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from threading import Lock
from types import ModuleType
from typing import Any, Generic, TypeVar

from thinc.api import CupyOps, Ops
from thinc.compat import has_torch, has_torch_cuda_gpu

from ...errors import MTLError

PRECISIONS = ("fp32", "bf16")
T = TypeVar("T")


def backend_for(ops: Ops) -> ModuleType:
    """The module with `MaxoutNorm` for arrays of these `ops`."""
    with_torch = has_torch_cuda_gpu if isinstance(ops, CupyOps) else has_torch
    return import_module(f".{'torch' if with_torch else 'array'}_backend", __package__)


def check_precision(precision: str) -> None:
    """RAISES (MTLError): If there is no such precision, or not without PyTorch."""
    if precision not in PRECISIONS:
        raise MTLError(f"Expected `precision` to be one of {list(PRECISIONS)}, got {precision!r}.")
    if precision == "bf16" and not has_torch:
        raise MTLError(
            "Expected PyTorch for the precision bf16, and it is not installed. Install "
            "spacy-mtl[torch], or set the encoder's `precision` to fp32."
        )


class FewRows:
    """Layers for few rows, which see weights change in place; made anew for other arrays."""

    def __init__(self) -> None:
        self._made: tuple[Any, list[Any], list[Any]] = (None, [], [])

    def __reduce__(self) -> Any:
        return FewRows, ()

    def layers(self, backend: ModuleType, nodes: list[Any], window: int) -> list[Any]:
        """A `MaxoutNorm.for_few` of each of the `MaxoutNodes`."""
        arrays = [array for node in nodes for array in node.params()]
        module, known, layers = self._made
        same = module is backend and len(known) == len(arrays)
        if not same or any(a is not b for a, b in zip(known, arrays, strict=True)):
            layers = [backend.MaxoutNorm.for_few(node.params(), window) for node in nodes]
            if all(array.flags.c_contiguous for array in arrays):  # of others they have copies
                self._made = (backend, arrays, layers)
        return layers


class Prepared(Generic[T]):
    """Something made from a model, kept until that changes. It is never saved or copied."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._state: Any = None
        self._made: Any = None

    def __reduce__(self) -> Any:
        return type(self), ()

    def get(self, state: Any, make: Callable[[], T]) -> T:
        """What `make` gave for this state."""
        with self._lock:
            if self._made is None or state != self._state:
                self._made = make()
                self._state = state
            made: T = self._made
            return made
