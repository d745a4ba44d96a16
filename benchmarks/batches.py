"""How many batches hold documents of one training file alone, so that nothing is to be balanced.

python -m benchmarks.batches --data DIR
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import spacy
import typer
from spacy.training.loop import create_train_batches
from spacy.util import registry
from typer import Option

from spacy_mtl.marks import corpus_of

from . import systems
from .corpora import PARTIAL, prepare
from .quality import DEFAULT_CACHE


def main(
    data: Annotated[Path, Option(help="Folder with gum/ and ewt/")],
    cache: Annotated[Path, Option(help="Where converted corpora are kept")] = DEFAULT_CACHE,
    corpus: Annotated[list[str], Option(help="May be repeated")] = ["ewt", PARTIAL],  # noqa: B006
    steps: Annotated[int, Option(help="Batches to look at")] = 2000,
) -> None:
    """Print the share for each corpus, in the first and in the second half of the training."""
    typer.echo("| corpus | batches | of one file | first half | second half |")
    typer.echo("|---|---|---|---|---|")
    for name in corpus:
        config = systems.multitask(prepare(data, cache, name), steps)
        reader = registry.resolve(config["corpora"])["train"]
        batcher = registry.resolve({"batcher": config["training"]["batcher"]})["batcher"]
        batches = create_train_batches(spacy.blank("en"), reader, batcher, 0)
        alone = [
            len({corpus_of(example)[0] for example in batch}) == 1
            for _, batch in islice(batches, steps)
        ]
        halves = [alone, alone[: steps // 2], alone[steps // 2 :]]
        shares = [f"{sum(half) / len(half):.0%}" for half in halves]
        typer.echo(f"| {name} | {steps} | " + " | ".join(shares) + " |")


if __name__ == "__main__":
    typer.run(main)
