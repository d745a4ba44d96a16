"""Maxout layers in PyTorch, on the CPU or, by DLPack without copies, on cupy's GPU.

On the CPU windows in single precision are a convolution, which oneDNN carries out on the rows as
they lie: no copy of windows, and about twice the speed of MKL's matrix product on processors of
AMD. Otherwise they are copied and multiplied: on the GPU, so that single precision is no TF32; in
bfloat16, where it was measured to be faster; and for few rows, as a convolution first sorts its
weights.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from thinc.api import CupyOps, Ops, torch2xp, xp2torch
from thinc.backends import get_array_ops
from torch.nn import functional as F

from . import array_backend
from .array_backend import EPS, FEW_ROWS

Tensor = torch.Tensor
_STEPS = ((FEW_ROWS, 1), (256, 16), (512, 32), (2048, 64))  # up to so many rows, in such steps
_LONG_STEP = 1024
_aten = torch.ops.aten

# The threads of OpenMP do not live on in the workers of `nlp.pipe(n_process=2)`, which would wait
# for them for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


def from_array(array: Any) -> Tensor:
    """The array as a tensor on the same memory."""
    if isinstance(array, np.ndarray):  # thinc asks for the device first, every time
        return torch.from_numpy(array)
    tensor: Tensor = xp2torch(array)
    return tensor


def to_array(tensor: Tensor, ops: Ops | None = None) -> Any:
    """The tensor as an array on the same memory; `ops` are those of a layer on a GPU."""
    return torch2xp(tensor, ops=ops) if isinstance(ops, CupyOps) else tensor.numpy()


def keep_mask(like: Tensor, rate: float, ops: Ops | None = None) -> Tensor:
    """Of the shape of `like`: 0 for a share of `rate`, otherwise 1 / (1 - rate)."""
    if isinstance(ops, CupyOps):
        return torch.empty_like(like).bernoulli_(1 - rate).div_(max(1 - rate, EPS))
    return from_array(array_backend.keep_mask(to_array(like), rate))  # five times as fast


def rounded(rows: int) -> int:
    """The number of rows to multiply for these: oneDNN prepares for each number that it meets, and
    keeps what it has prepared, so that ever other ones would fill the memory."""
    step = next((step for up_to, step in _STEPS if rows <= up_to), _LONG_STEP)
    return -(-rows // step) * step


def sum_rows(table: Any, rows: Any, weights: Any, lengths: Any) -> Any:
    """See `array_backend.sum_rows`; without a copy of the rows, unless there are few."""
    if len(rows) <= FEW_ROWS and len(lengths) == 1:  # PyTorch takes longer to begin
        return weights[None] @ table[rows]
    ops = get_array_ops(table)
    table, rows, weights, lengths = map(from_array, (table, rows, weights, lengths))
    starts = lengths.cumsum(0, dtype=rows.dtype) - lengths
    with torch.no_grad():
        return to_array(
            F.embedding_bag(rows, table, starts, mode="sum", per_sample_weights=weights), ops
        )


class MaxoutNorm:
    """Layer norm of a maxout over windows of rows; see `array_backend.MaxoutNorm`.

    precision: "fp32", or "bf16" to multiply in bfloat16; in training on the GPU alone.
    """

    few = False

    def __init__(
        self, params: tuple[Any, ...], window: int, precision: str = "fp32", train: bool = False
    ) -> None:
        self.ops = get_array_ops(params[0])
        W, b, G, shift = (from_array(array) for array in params)
        self.nO, self.nP, _ = W.shape
        self.window = window
        self.on_gpu = isinstance(self.ops, CupyOps)
        half = precision == "bf16" and (self.on_gpu or not train)
        self.dtype = torch.bfloat16 if half else torch.float32
        self.stock_W = W
        self.W = self._by_piece(W)
        self.b = b.t().reshape(-1).to(self.dtype)
        self.G, self.shift = G, shift
        self.low_G, self.low_shift = G.to(self.dtype), shift.to(self.dtype)

    @classmethod
    def for_few(cls, params: tuple[Any, ...], window: int) -> MaxoutNorm:
        """See `array_backend.MaxoutNorm.for_few`."""
        self = cls.__new__(cls)
        on_gpu = isinstance(get_array_ops(params[0]), CupyOps)
        W, b, self.G, self.shift = (from_array(array) for array in params)
        self.few, self.window, self.on_gpu, self.dtype = True, window, on_gpu, W.dtype
        self.low_G, self.low_shift = self.G, self.shift
        self.nO, self.nP, _ = W.shape
        self.W, self.b = W.reshape(self.nO * self.nP, -1), b.reshape(-1)
        return self

    def predict(self, X: Tensor) -> Tensor:
        """(n, nI) to (n, nO)."""
        with torch.inference_mode():
            best = self._best(self._product(X.to(self.dtype)))
            normed = torch.layer_norm(best, (self.nO,), self.low_G, self.low_shift, EPS)
            return normed if self.dtype is X.dtype else normed.to(X.dtype)

    def begin_update(self, X: Tensor) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, Any]]]:
        """`predict`, and from the output's gradient to that of X and those of the parameters.

        See `array_backend.MaxoutNorm.begin_update`.
        """
        with torch.no_grad():
            low = X.to(self.dtype)
            Y = self._product(low)
            best = self._best(Y)
            wide = best.to(X.dtype)
            Z, mean, scale = torch.native_layer_norm(wide, (self.nO,), self.G, self.shift, EPS)

        def backprop(dZ: Tensor) -> tuple[Tensor, tuple[Any, ...]]:
            with torch.no_grad():
                self.W = self._by_piece(self.stock_W)
                d_best, dG, d_shift = _aten.native_layer_norm_backward(
                    dZ, wide, (self.nO,), mean, scale, self.G, self.shift, [True, True, True]
                )
                dY = self._unmax(Y, best, d_best.to(self.dtype))
                dX, dW, db = self._product_backward(dY, low)
                grads = (self._stock_shape(dW), self._stock_shape(db)[..., 0], dG, d_shift)
                return dX.to(dZ.dtype), tuple(self._as_array(grad.to(dZ.dtype)) for grad in grads)

        return Z, backprop

    def _as_array(self, tensor: Tensor) -> Any:
        return to_array(tensor, self.ops)

    def _best(self, Y: Tensor) -> Tensor:
        if self.few:
            return Y.view(-1, self.nO, self.nP).amax(dim=2)
        best = self._piece(Y, 0)
        for p in range(1, self.nP):
            best = torch.maximum(best, self._piece(Y, p))
        return best.contiguous()

    def _unmax(self, Y: Tensor, best: Tensor, d_best: Tensor) -> Tensor:
        """The gradient of Y: each maximum's goes to the first piece that has it."""
        dY = torch.empty_like(Y)
        for p in range(self.nP - 1):
            won = self._piece(dY, p)
            torch.mul(d_best, self._piece(Y, p) == best, out=won)
            d_best = d_best - won
        self._piece(dY, self.nP - 1).copy_(d_best)
        return dY

    def _piece(self, Y: Tensor, p: int) -> Tensor:
        return Y[:, p * self.nO : (p + 1) * self.nO]

    def _product(self, X: Tensor) -> Tensor:
        """(n, nP * nO) the linear layer over windows."""
        if self._is_copied(X):
            return F.linear(self._windows(X), self.W, self.b)
        Y = F.conv2d(_as_image(X), self._kernel(), self.b, padding=(0, self.window))
        return Y.permute(0, 2, 3, 1).reshape(len(X), -1)

    def _product_backward(self, dY: Tensor, X: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The gradients of X, the weights (nP * nO, windows) and the bias."""
        if self._is_copied(X):
            dX = self._fold(dY @ self.W)
            return dX, dY.t() @ self._windows(X), dY.sum(dim=0)
        dX4, dW4, db = _aten.convolution_backward(
            _as_image(dY),
            _as_image(X),
            self._kernel(),
            [len(self.b)],
            [1, 1],
            [0, self.window],
            [1, 1],
            False,
            [0, 0],
            1,
            [True, True, True],
        )
        dX = dX4.permute(0, 2, 3, 1).reshape(X.shape)
        return dX, dW4.permute(0, 2, 3, 1).reshape(self.W.shape), db

    def _is_copied(self, X: Tensor) -> bool:
        """Whether windows are copied; see above."""
        return self.on_gpu or len(X) <= FEW_ROWS or self.dtype is torch.bfloat16

    def _kernel(self) -> Tensor:
        """The weights as those of a convolution over an image of height 1, channels last."""
        size = 2 * self.window + 1
        return self.W.view(len(self.W), 1, size, -1).permute(0, 3, 1, 2)

    def _windows(self, X: Tensor) -> Tensor:
        """(n, (2 * window + 1) * nI) each row between its neighbours."""
        if not self.window:
            return X
        padded = torch.constant_pad_nd(X, (0, 0, self.window, self.window))
        size, width = 2 * self.window + 1, X.shape[1]
        return padded.as_strided((len(X), size * width), (width, 1))

    def _fold(self, d_windows: Tensor) -> Tensor:
        """The gradient of X from that of its windows."""
        if not self.window:
            return d_windows
        n, size = len(d_windows), 2 * self.window + 1
        width = d_windows.shape[1] // size
        padded = d_windows.new_zeros((n + 2 * self.window, width))
        for k in range(size):
            padded[k : k + n] += d_windows[:, k * width : (k + 1) * width]
        return padded[self.window : self.window + n]

    def _by_piece(self, W: Tensor) -> Tensor:
        """(nO, nP, nI) to (nP * nO, nI)."""
        return W.transpose(0, 1).reshape(self.nP * self.nO, -1).to(self.dtype)

    def _stock_shape(self, gradient: Tensor) -> Tensor:
        """(nP * nO, ...) to (nO, nP, nI)."""
        return gradient.reshape(self.nP, self.nO, -1).transpose(0, 1).contiguous()


def _as_image(X: Tensor) -> Tensor:
    """(n, width) as an image of one row of n pixels, channels last, on the same memory."""
    X = X.contiguous()
    return X.view(1, 1, *X.shape).permute(0, 3, 1, 2)
