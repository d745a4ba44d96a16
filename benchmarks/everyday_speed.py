"""Speed of a whole pipeline: stock spaCy's six components and `multitask`, one thread, in turns.

python -m benchmarks.everyday_speed --data DIR --corpus gum

The pipelines are those of `benchmarks.everyday`, trained with seed 0. Beside words per second it
prints how much longer each decoder of the parser takes than the same tasks without a parser.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from spacy_mtl.evaluation.runs import Run, execute
from spacy_mtl.speed.measure import Settings, measure

from .corpora import prepare
from .everyday import SYSTEMS, Job
from .quality import DEFAULT_CACHE
from .speed import LATENCY_WORDS, table
from .task_times import times_of_all

STOCK, OURS, FOUR_BITS = "joint", "multitask", "four-bits"
PRECISION = "components.tok2vec.model.encode.precision"
PARSER = "parser"


def main(
    data: Annotated[Path, Option(help="Folder with the corpora")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    corpus: Annotated[list[str], Option(help="May be repeated")] = ["gum", "ewt"],  # noqa: B006
    steps: Annotated[int, Option(help="Training steps of the pipelines")] = 2000,
    first_words: Annotated[int, Option(help="Words of their first batches")] = 400,
    rounds: Annotated[int, Option(help="Rounds that count")] = 7,
) -> None:
    """Print a Markdown table for each corpus."""
    for name in corpus:
        prepared = prepare(data, cache, name)
        models = {}
        for kind in (STOCK, OURS, FOUR_BITS):
            [config] = SYSTEMS[kind](Job(prepared, kind, steps, first_words, ""))
            config["training"]["batcher"]["size"]["start"] = first_words
            if "sampling" in config["training"]["batcher"]:
                config["training"]["batcher"]["seed"] = 0
            run = Run(f"{name}/{kind}", config, 0, str(prepared.test))
            [result] = execute([run], cache, keep_models=True)
            models[kind] = result.model
        systems = {
            STOCK: str(models[STOCK]),
            f"{OURS}, fp32": str(models[OURS]),
            f"{OURS}, bf16": f'{models[OURS]}@{PRECISION}="bf16"',
            f"{FOUR_BITS}, fp32": str(models[FOUR_BITS]),
            f"{FOUR_BITS}, bf16": f'{models[FOUR_BITS]}@{PRECISION}="bf16"',
        }
        settings = Settings(rounds=rounds, latency_words=LATENCY_WORDS)
        report = measure(list(systems.values()), prepared.test, settings=settings, names=[*systems])
        typer.echo(f"{name}\n\n{table(report, STOCK)}\n")
        for kind in (OURS, FOUR_BITS):
            typer.echo(f"{kind}: {_with_parser(models[kind], prepared.test, rounds)}\n")


def _with_parser(model: Path, test: Path, rounds: int) -> str:
    """How many times as long all tasks take as all but the parser."""

    def others(names: list[str]) -> list[str]:
        return [name for name in names if name != PARSER]

    *_, ratio = times_of_all(model, test, rounds, others)
    return f"with the parser {ratio} times the seconds without"


if __name__ == "__main__":
    typer.run(main)
