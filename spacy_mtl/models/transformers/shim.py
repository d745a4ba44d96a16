"""thinc's wrapper around the module, with copies of the weights in other precisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from thinc.api import ArgsKwargs, PyTorchShim

from ...errors import MTLError
from .int8 import can_multiply_int8, with_int8
from .module import TransformerModule


def serialize(module: TransformerModule) -> bytes:
    """Configuration, tokenizer and weights, without a pickle."""
    return module.dump()


def deserialize(module: TransformerModule, data: bytes, device: Any) -> TransformerModule:
    """The module with all that `serialize` wrote."""
    module.load(data, device)
    return module


class TransformerShim(PyTorchShim):
    """Training on the weights, and prediction on a copy of them in another precision.

    The copy is made when it is first needed, and anew when the weights have changed. It is no
    part of what is saved or copied.
    """

    def __init__(self, module: TransformerModule, precision: str, mixed: bool, scaler: Any) -> None:
        super().__init__(
            module,
            mixed_precision=mixed,
            grad_scaler=scaler,
            serialize_model=serialize,
            deserialize_model=deserialize,
        )
        self.precision = precision
        self._copy: Any = None

    def copy(self) -> TransformerShim:
        """One that optimizers know apart from this, as thinc copies a layer to be learned beside
        it."""
        return self._twin({})

    def __deepcopy__(self, memo: Any) -> TransformerShim:
        """The same by its id, without the copy in another precision."""
        twin = self._twin(memo)
        twin.id = self.id
        return twin

    def _twin(self, memo: Any) -> TransformerShim:
        scaler = deepcopy(self._grad_scaler, memo)
        module = deepcopy(self._model, memo)
        return TransformerShim(module, self.precision, self._mixed_precision, scaler)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_copy": None}

    def predict(self, inputs: ArgsKwargs) -> Any:
        """The module's output in the precision of predictions, as single-precision numbers."""
        module = self._model
        if self.precision != "fp32":
            module = self._copy = self._copy or in_precision(module, self.precision)
        training = module.training
        if training:
            module.eval()
        try:
            with torch.inference_mode(), torch.autocast("cuda", enabled=self._mixed_precision):
                return module(*inputs.args, **inputs.kwargs)
        finally:
            if training:  # a backward that waits may compute layers again
                module.train()

    def begin_update(self, inputs: ArgsKwargs) -> tuple[Any, Callable[[ArgsKwargs], ArgsKwargs]]:
        """The module's output, and its backward.

        RAISES (MTLError): For mixed precision without a GPU.
        """
        if self._mixed_precision and self._model.device.type != "cuda":
            raise MTLError(
                "Expected a GPU for `mixed_precision = true` of the encoder, got the CPU. Train "
                "with --gpu-id 0, or set it to false."
            )
        return super().begin_update(inputs)

    def finish_update(self, optimizer: Any) -> None:
        """Apply the gradients."""
        super().finish_update(optimizer)
        self._copy = None

    @contextmanager
    def use_params(self, params: Any) -> Iterator[None]:
        """Put other weights in the place of the module's for a while."""
        self._copy = None
        try:
            with super().use_params(params):
                yield
        finally:
            self._copy = None

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move the module to a device."""
        super().to_device(device_type, device_id)
        self._copy = None

    def from_bytes(self, bytes_data: bytes) -> TransformerShim:
        """Set the module to what `to_bytes` gave."""
        self._copy = None
        super().from_bytes(bytes_data)
        return self


def in_precision(module: TransformerModule, precision: str) -> Any:
    """A copy of the module that computes in "bf16" or "int8".

    RAISES (MTLError): If PyTorch cannot multiply in int8 here.
    """
    copy = deepcopy(module).eval().requires_grad_(False)
    if precision == "bf16":
        copy.transformer.to(torch.bfloat16)
    elif can_multiply_int8(module.device):
        with_int8(copy.transformer)
    else:
        raise MTLError(
            "Expected PyTorch to multiply in int8 on this device, which it cannot. Set the "
            "encoder's `precision` to bf16 or fp32."
        )
    return copy
