"""Prediction speed of classifiers, stock's ensemble and ours, one thread, in turns.

python -m benchmarks.class_speed --data DIR

The pipelines are those of `benchmarks.classes`, trained with seed 0; ours has one task alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from spacy_mtl.evaluation.runs import execute
from spacy_mtl.speed.measure import Settings, measure

from .class_corpora import prepare_classes
from .class_systems import OURS
from .classes import run_of
from .quality import DEFAULT_CACHE
from .speed import LATENCY_WORDS, PRECISION, table

STOCK = "ensemble"


def main(
    data: Annotated[Path, Option(help="Folder with the corpora")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    corpus: Annotated[list[str], Option(help="May be repeated")] = ["banking77", "books"],  # noqa: B006
    rounds: Annotated[int, Option(help="Rounds that count")] = 5,
    steps: Annotated[int, Option(help="Training steps of every run")] = 1000,
) -> None:
    """Print a Markdown table for each corpus."""
    for name in corpus:
        prepared = prepare_classes(data, cache, name)
        runs = [run_of(kind, prepared, steps, 0, {}, dev=False) for kind in (STOCK, OURS)]
        stock, ours = (str(each.model) for each in execute(runs, cache, keep_models=True))
        systems = {
            f"stock, {STOCK}": stock,
            "ours, fp32": ours,
            "ours, bf16": f'{ours}@{PRECISION}="bf16"',
        }
        settings = Settings(rounds=rounds, latency_words=LATENCY_WORDS)
        report = measure(
            list(systems.values()), prepared.test, settings=settings, names=list(systems)
        )
        typer.echo(f"{name}\n\n{table(report, STOCK)}\n")


if __name__ == "__main__":
    typer.run(main)
