"""The optimizer's step on a table of which few rows have a gradient, dense and row by row.

python -m benchmarks.optimizer_step
"""

from __future__ import annotations

import time
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from typer import Option

from spacy_mtl.optimizing.optimizer import create_grouped_optimizer

from .one_thread import in_one_thread

# Rows and columns, and the share of the rows that have a gradient.
TABLES = [(5000, 96, 0.05), (5000, 96, 0.15), (2500, 96, 0.15), (65536, 15, 0.005)]


def main(
    steps: Annotated[int, Option(help="Steps of each kind, in turns")] = 300,
) -> None:
    """Print a Markdown table: milliseconds per step with averages and clipping, one thread."""
    typer.echo(in_one_thread(report, steps))


def report(steps: int) -> str:
    """Measure all tables."""
    lines = ["| table | rows with gradient | dense, ms | rows, ms | ratio |", "|---" * 5 + "|"]
    for length, columns, share in TABLES:
        dense, sparse = _measure(length, columns, share, steps)
        lines.append(
            f"| {length:,} x {columns} | {share:.1%} | {dense:.2f} | {sparse:.2f} "
            f"| {dense / sparse:.1f} |"
        )
    return "\n".join(lines)


def _measure(length: int, columns: int, share: float, steps: int) -> tuple[float, float]:
    """The median milliseconds of a dense step, and of one by rows."""
    rng = np.random.default_rng(0)
    tables = [rng.normal(size=(length, columns)).astype("float32") for _ in range(2)]
    optimizers = [create_grouped_optimizer(0.003, sparse_rows=sparse) for sparse in (False, True)]
    seconds: list[list[float]] = [[], []]
    for _ in range(steps):
        gradient = np.zeros((length, columns), dtype="float32")
        gradient[_zipf_rows(rng, length, int(share * length))] = rng.normal(size=columns)
        for optimizer, table, taken in zip(optimizers, tables, seconds, strict=True):
            own = gradient.copy()
            began = time.perf_counter()
            optimizer((0, "E"), table, own)  # type: ignore[arg-type]
            taken.append(time.perf_counter() - began)
    dense, sparse = (float(np.median(taken[steps // 10 :])) * 1000 for taken in seconds)
    return dense, sparse


def _zipf_rows(rng: np.random.Generator, length: int, n: int) -> NDArray[np.int64]:
    """Different rows, some of which come up in most steps, as words do."""
    chances = 1 / np.arange(1, length + 1)
    return rng.choice(length, size=n, replace=False, p=chances / chances.sum())


if __name__ == "__main__":
    typer.run(main)
