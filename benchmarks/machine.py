"""What one thread of this machine can do at most: operations and bytes per second, measured.

In CPU time, which is the elapsed time as long as nobody else needs the processor.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from thinc.api import get_ops

SQUARE = 1024  # rows and columns of the large matrices
LARGE = 1 << 28  # bytes of an array that no cache holds
SMALL = 1 << 18  # and of one that fits into the cache of a core
SECONDS = 1.0  # to repeat for
Rates = dict[str, dict[str, float]]


def fastest(call: Callable[[], Any], seconds: float = SECONDS) -> float:
    """CPU seconds of the fastest of the calls within so many: what disturbs only adds to them."""
    call()
    best = float("inf")
    now = start = time.process_time()
    while now < start + seconds:
        began = now
        call()
        now = time.process_time()
        best = min(best, now - began)
    return best


def product_rates(rows: int, width: int, pieces: int) -> Rates:
    """Operations per second of matrix products, by precision and then by who computes what.

    Those of large square matrices, and those of a layer over windows of three rows: (rows, 3 *
    width) to (rows, pieces * width), or the same as a convolution. A multiplication and an
    addition are two operations.
    """
    square, window, out = (SQUARE, SQUARE, SQUARE), 3 * width, pieces * width
    shapes = {"large": square, "layer": (rows, window, out)}
    rates: Rates = {"fp32": {}, "bf16": {}}
    for name, (m, k, n) in shapes.items():
        operations = 2 * m * k * n
        for precision, by_library in _products(m, k, n).items():
            for library, call in by_library.items():
                rates[precision][f"{name}, {library}"] = operations / fastest(call)
    for precision, call in _convolutions(rows, width, out).items():
        what = "layer, PyTorch convolution"
        rates[precision][what] = 2 * rows * window * out / fastest(call)
    return rates


def bandwidths() -> dict[str, float]:
    """Bytes per second, read or written, of a copy and a sum in and out of the caches."""
    found = {}
    for name, size in (("main memory", LARGE), ("cache", SMALL)):
        source, target = np.ones(size // 4, dtype="float32"), np.zeros(size // 4, dtype="float32")

        def copy(source: Any = source, target: Any = target) -> None:
            np.copyto(target, source)

        found[f"{name}, copy"] = 2 * size / fastest(copy)
        found[f"{name}, sum"] = size / fastest(source.sum)
    return found


def _products(m: int, k: int, n: int) -> dict[str, dict[str, Callable[[], Any]]]:
    import torch

    rng = np.random.default_rng(0)
    A, W = (rng.random(shape, dtype="float32") for shape in ((m, k), (n, k)))
    out = np.empty((m, n), dtype="float32")
    ops = get_ops("cpu", use_blis=True)
    tensors = torch.from_numpy(A), torch.from_numpy(W)
    halves = [tensor.bfloat16() for tensor in tensors]
    linear = torch.nn.functional.linear
    return {
        "fp32": {
            "NumPy (OpenBLAS)": lambda: np.matmul(A, W.T, out=out),
            "thinc (BLIS)": lambda: ops.gemm(A, W, out=out, trans2=True),  # type: ignore[arg-type]
            "PyTorch linear": lambda: linear(*tensors),
        },
        "bf16": {"PyTorch linear": lambda: linear(*halves)},
    }


def _convolutions(rows: int, width: int, out: int) -> dict[str, Callable[[], Any]]:
    """Over an image of one row, channels last, as our encoder has it."""
    import torch

    def call(dtype: torch.dtype) -> Callable[[], Any]:
        X = torch.rand(1, 1, rows, width).to(dtype).permute(0, 3, 1, 2)
        W = torch.rand(out, 1, 3, width).to(dtype).permute(0, 3, 1, 2)
        return lambda: torch.nn.functional.conv2d(X, W, padding=(0, 1))

    return {"fp32": call(torch.float32), "bf16": call(torch.bfloat16)}
