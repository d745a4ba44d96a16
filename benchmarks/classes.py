"""Classes of documents on corpora that nobody tuned on: stock spaCy's classifiers and ours.

python -m benchmarks.classes --data DIR --jobs 2

Every corpus alone; `snips-thinned` beside its slots. Ours is what `spacy mtl init-config` proposes.
All have the same batches (400 to 1000 words), steps, and encoder; dev chooses the checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from spacy.cli._util import parse_config_overrides
from typer import Option

from spacy_mtl.evaluation.runs import Result, Run, execute

from .class_corpora import REVIEWS, THINNED, WHOLE, prepare_classes
from .class_systems import ARCHITECTURES, OURS, config_of
from .corpora import BenchmarkCorpus
from .quality import DEFAULT_CACHE

CORPORA = (*WHOLE, *REVIEWS, *THINNED)

app = typer.Typer(add_completion=False)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def main(
    ctx: typer.Context,
    data: Annotated[Path, Option(help="Folder with the corpora")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    corpus: Annotated[list[str], Option(help="May be repeated")] = list(CORPORA),  # noqa: B006
    system: Annotated[list[str], Option(help="May be repeated")] = [*ARCHITECTURES, OURS],  # noqa: B006
    seeds: Annotated[int, Option(help="Seeds 0, 1, ...; of the reviews, the first")] = 3,
    steps: Annotated[int, Option(help="Training steps of every run")] = 1000,
    dev: Annotated[bool, Option("--dev", help="Score dev in place of test, to choose by")] = False,
    jobs: Annotated[int, Option(help="Runs at once, one thread each")] = 1,
) -> None:
    """Train what is not in the cache, then print a table."""
    overrides = parse_config_overrides(ctx.args)
    corpora = {name: prepare_classes(data, cache, name) for name in corpus}
    runs = [
        run_of(kind, corpora[name], steps, seed, overrides, dev=dev)
        for seed in range(seeds)
        for name in corpus
        for kind in system
        if not (seed and name in REVIEWS)
    ]
    execute(runs, cache, jobs=jobs, on_done=_report)


def run_of(
    system: str,
    corpus: BenchmarkCorpus,
    steps: int,
    seed: int,
    overrides: Mapping[str, Any],
    *,
    dev: bool,
) -> Run:
    """A system on a corpus, scored on its test documents, or on those of dev."""
    config = config_of(system, corpus, steps, overrides)
    test = corpus.dev if dev else corpus.test
    return Run(f"{corpus.name}/{system}", config, seed, str(test))


def _report(run: Run, result: Result) -> None:
    shown = {key: round(result.scores[key], 4) for key in ("cats_acc", "cats_macro_f")}
    typer.echo(f"{run.name} seed {run.seed}: {shown} {result.train_seconds:.0f} s", err=True)


if __name__ == "__main__":
    app()
