"""Maxout layers in NumPy or cupy, for machines without PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from thinc.api import Ops, get_array_module
from thinc.backends import get_array_ops

EPS = 1e-8
# Up to so many, it does not pay to prepare weights, nor to find out whether they have changed.
FEW_ROWS = 64
Array = Any


def from_array(array: Array) -> Array:
    """The array as this backend has it."""
    return array


def to_array(array: Array, ops: Ops | None = None) -> Array:
    """What this backend has, as an array."""
    return array


def keep_mask(like: Array, rate: float, ops: Ops | None = None) -> Array:
    """Of the shape of `like`: 0 for a share of `rate`, otherwise 1 / (1 - rate)."""
    xp: Any = get_array_module(like)
    drawn = xp.random.randint(0, 1 << 16, like.shape, dtype="uint16")  # faster than floats
    return xp.multiply(drawn >= round(rate * (1 << 16)), 1 / max(1 - rate, EPS), dtype=like.dtype)


def rounded(rows: int) -> int:
    """The number of rows to multiply for these: no more."""
    return rows


def sum_rows(table: Array, rows: Array, weights: Array, lengths: Array) -> Array:
    """Weighted sums of rows of a table, (n_sums, width), each of as many as `lengths` says.

    table: (n_rows, width); rows and weights: (n,), one sum's behind another's; lengths: (n_sums,),
    at least 1.
    """
    ops = get_array_ops(table)
    return ops.reduce_sum(table[rows] * weights[:, None], lengths)


class MaxoutNorm:
    """Layer norm of a maxout over windows of rows: LN(max_p(W_p [x_i-w, ..., x_i+w] + b_p)).

    W: (nO, nP, (2 * window + 1) * nI); b: (nO, nP); G, shift: (nO,). Rows before the first and
    after the last are zero. The pieces of a maxout lie side by side, so that the maximum is one
    of contiguous blocks.
    """

    few = False

    def __init__(
        self, params: tuple[Array, ...], window: int, precision: str = "fp32", train: bool = False
    ) -> None:
        W, b, self.G, self.shift = params
        self.xp: Any = get_array_module(W)
        self.nO, self.nP, _ = W.shape
        self.window = window
        self.stock_W = W
        self.W = self._by_piece(W)
        self.b = b.T.reshape(-1)

    @classmethod
    def for_few(cls, params: tuple[Array, ...], window: int) -> MaxoutNorm:
        """To `predict` up to `FEW_ROWS` rows: on the weights as they are, without a copy."""
        self = cls.__new__(cls)
        W, b, self.G, self.shift = params
        self.few, self.xp, self.window = True, get_array_module(W), window
        self.nO, self.nP, _ = W.shape
        self.W, self.b = W.reshape(self.nO * self.nP, -1), b.reshape(-1)
        return self

    def predict(self, X: Array) -> Array:
        """(n, nI) to (n, nO)."""
        best, _ = self._maxout(self._windows(X))
        return self._normalized(best)[0] * self.G + self.shift

    def begin_update(self, X: Array) -> tuple[Array, Callable[[Array], tuple[Array, Any]]]:
        """`predict`, and from the output's gradient to that of X and those of the parameters.

        As in thinc, weights that have changed since then count: spaCy's `tok2vec` updates itself
        by the last batch's gradients before this batch's arrive from its listeners.
        """
        windows = self._windows(X)
        best, Y = self._maxout(windows)
        Xhat, scale = self._normalized(best)

        def backprop(dZ: Array) -> tuple[Array, tuple[Array, ...]]:
            self.W = self._by_piece(self.stock_W)
            dG, d_shift = (dZ * Xhat).sum(axis=0), dZ.sum(axis=0)
            dXhat = dZ * self.G
            d_best = dXhat - dXhat.mean(axis=1, keepdims=True)
            d_best -= Xhat * (dXhat * Xhat).mean(axis=1, keepdims=True)
            d_best *= scale
            dY = self._unmax(Y, best, d_best)
            dX = self._fold(dY @ self.W)
            dW = self._stock_shape(dY.T @ windows)
            return dX, (dW, self._stock_shape(dY.sum(axis=0))[..., 0], dG, d_shift)

        return Xhat * self.G + self.shift, backprop

    def _windows(self, X: Array) -> Array:
        """(n, (2 * window + 1) * nI) each row between its neighbours."""
        if not self.window:
            return X
        n, width = X.shape
        padded = self.xp.zeros((n + 2 * self.window, width), dtype=X.dtype)
        padded[self.window : self.window + n] = X
        shifts = range(2 * self.window + 1)
        return self.xp.concatenate([padded[k : k + n] for k in shifts], axis=1)

    def _fold(self, d_windows: Array) -> Array:
        """The gradient of X from that of its windows."""
        if not self.window:
            return d_windows
        n = len(d_windows)
        width = d_windows.shape[1] // (2 * self.window + 1)
        padded = self.xp.zeros((n + 2 * self.window, width), dtype=d_windows.dtype)
        for k in range(2 * self.window + 1):
            padded[k : k + n] += d_windows[:, k * width : (k + 1) * width]
        return padded[self.window : self.window + n]

    def _maxout(self, windows: Array) -> tuple[Array, Array]:
        Y = windows @ self.W.T
        Y += self.b
        if self.few:
            return Y.reshape(-1, self.nO, self.nP).max(axis=2), Y
        best = Y[:, : self.nO].copy()
        for p in range(1, self.nP):
            self.xp.maximum(best, self._piece(Y, p), out=best)
        return best, Y

    def _unmax(self, Y: Array, best: Array, d_best: Array) -> Array:
        """The gradient of Y: each maximum's goes to the first piece that has it."""
        dY = self.xp.empty_like(Y)
        for p in range(self.nP - 1):
            won = self._piece(dY, p)
            self.xp.multiply(d_best, self._piece(Y, p) == best, out=won)
            d_best = d_best - won
        self._piece(dY, self.nP - 1)[...] = d_best
        return dY

    def _piece(self, Y: Array, p: int) -> Array:
        return Y[:, p * self.nO : (p + 1) * self.nO]

    def _normalized(self, X: Array) -> tuple[Array, Array]:
        """Rows of mean 0 and variance 1, and what the deviations were multiplied with."""
        centred = X - X.mean(axis=1, keepdims=True)
        variance = self.xp.einsum("ij,ij->i", centred, centred) / X.shape[1]
        scale = (1 / self.xp.sqrt(variance + EPS)).astype(X.dtype)[:, None]
        centred *= scale
        return centred, scale

    def _by_piece(self, W: Array) -> Array:
        """(nO, nP, nI) to (nP * nO, nI)."""
        return self.xp.ascontiguousarray(W.transpose(1, 0, 2)).reshape(self.nO * self.nP, -1)

    def _stock_shape(self, gradient: Array) -> Array:
        """(nP * nO, ...) to (nO, nP, nI)."""
        pieces = gradient.reshape(self.nP, self.nO, -1)
        return self.xp.ascontiguousarray(pieces.transpose(1, 0, 2))
