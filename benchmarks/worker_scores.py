"""Whether several workers learn what one learns: test scores by seed.

python -m benchmarks.worker_scores --data DIR

What `spacy mtl init-config` writes for a corpus is trained by one process, and by several on a Ray
cluster of this machine. Dropout has other random numbers in each worker, so that the models differ
as those of seeds do; the words of a batch are those of all workers together.
"""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Annotated

import spacy
import typer
from thinc.api import Config
from typer import Option

from spacy_mtl.cluster.train import Job, train_on_ray
from spacy_mtl.training.initialization import initialized
from spacy_mtl.training.output_folder import OutputFolder
from spacy_mtl.training.trainer import train

from .corpora import BenchmarkCorpus, prepare
from .proposed import proposed
from .quality import DEFAULT_CACHE
from .speed import test_scores

SHOWN = ("tag_acc", "ents_f", "cats_acc", "cats_macro_f", "whole_acc")


def main(
    data: Annotated[Path, Option(help="Folder with the corpora")],
    cache: Annotated[Path, Option(help="Where the corpus is converted to")] = DEFAULT_CACHE,
    corpus: Annotated[str, Option(help="One of those of `benchmarks.corpora`")] = "snips",
    steps: Annotated[int, Option(help="Training steps")] = 500,
    seeds: Annotated[int, Option(help="Seeds 0, 1, ...")] = 3,
    workers: Annotated[int, Option(help="Beside one")] = 2,
) -> None:
    """Print a Markdown table: mean and range over seeds, of the model behind the last step."""
    prepared = prepare(data, cache, corpus)
    found = {
        number: [_scores(prepared, steps, seed, number) for seed in range(seeds)]
        for number in (1, workers)
    }
    names = [name for name in SHOWN if name in found[1][0]]
    typer.echo(f"| workers | {' | '.join(names)} |\n{'|---' * (1 + len(names))}|")
    for number, runs in found.items():
        cells = []
        for name in names:
            values = [100 * run[name] for run in runs]
            cells.append(f"{mean(values):.1f} ({min(values):.1f}–{max(values):.1f})")
        typer.echo(f"| {number} | {' | '.join(cells)} |")


def _scores(corpus: BenchmarkCorpus, steps: int, seed: int, workers: int) -> dict[str, float]:
    limits = {"training.max_steps": steps, "training.patience": 0, "training.seed": seed}
    config = Config(proposed(corpus, limits).interpolate())
    with TemporaryDirectory() as folder:
        output = Path(folder) / "training"
        if workers == 1:
            train(initialized(config), OutputFolder(output))
        else:
            train_on_ray(Job(config.to_str(), OutputFolder(output)), "local", workers)
        scores = test_scores(spacy.load(output / "model-last"), corpus)
    typer.echo(f"{workers} workers, seed {seed}: {scores}", err=True)
    return scores


if __name__ == "__main__":
    typer.run(main)
