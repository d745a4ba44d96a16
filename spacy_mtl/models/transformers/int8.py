"""Linear layers in integers of 8 bits: weights scaled by output, activations by row.

A scale for each row of the activations (each piece), and not one for all of them, keeps a
document independent of those it is batched with, and outliers of one piece from the others.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.functional import pad

Tensor = torch.Tensor
_MOST = 127
_LEAST = 1e-12
_ROWS = 17  # the fewest that CUDA multiplies


class Int8Linear(nn.Module):
    """A linear layer that multiplies in int8 and adds up in int32, for prediction alone."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        self.scale = weight.abs().amax(dim=1).clamp_min(_LEAST) / _MOST
        self.weight = (weight / self.scale[:, None]).round_().to(torch.int8).t()
        self.bias = None if linear.bias is None else linear.bias.detach().float()

    def forward(self, X: Tensor) -> Tensor:
        """(..., nI) to (..., nO)."""
        rows = X.reshape(-1, X.shape[-1]).float()
        scale = rows.abs().amax(dim=1, keepdim=True).clamp_min(_LEAST) / _MOST
        low = (rows / scale).round_().to(torch.int8)
        if len(low) < _ROWS:
            low = pad(low, (0, 0, 0, _ROWS - len(low)))
        Y = torch._int_mm(low, self.weight)[: len(rows)].float()
        Y.mul_(scale).mul_(self.scale)
        if self.bias is not None:
            Y.add_(self.bias)
        return Y.reshape(*X.shape[:-1], Y.shape[-1])


def with_int8(module: nn.Module) -> None:
    """Replace all linear layers of a module."""
    for name, layer in list(module.named_children()):
        if isinstance(layer, nn.Linear):
            setattr(module, name, Int8Linear(layer))
        else:
            with_int8(layer)


def can_multiply_int8(device: Any) -> bool:
    """Whether PyTorch multiplies such matrices on this device."""
    ones = torch.ones(32, 32, dtype=torch.int8, device=device)
    try:
        return bool((torch._int_mm(ones, ones.t()) == 32).all())
    except (RuntimeError, AttributeError):
        return False
