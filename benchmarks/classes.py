"""Classes of documents on corpora that nobody tuned on: stock spaCy's classifiers and ours.

python -m benchmarks.classes --data DIR --jobs 2

Every corpus alone; `snips-thinned` beside its slots. Ours is what `spacy mtl init-config` proposes.
All have the same batches (400 to 1000 words), steps, and encoder; dev chooses the checkpoint.
Runs whose predictions are in `benchmarks/finished` are not trained again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from spacy.cli._util import parse_config_overrides
from typer import Option

from spacy_mtl.comparison.bootstrap import Resampled, resample
from spacy_mtl.evaluation.runs import Result, Run, execute
from spacy_mtl.metrics.f_score import Average

from .class_corpora import REVIEWS, THINNED, WHOLE, prepare_classes
from .class_systems import ARCHITECTURES, OURS, config_of, metric_of, set_class_task
from .corpora import BenchmarkCorpus
from .finished import FINISHED, Finished, Store, best_of
from .quality import DEFAULT_CACHE

SAMPLES = 2000
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
    setting: Annotated[
        list[str],
        Option(metavar="NAME=JSON", help="Of the class task of ours, chosen by --dev"),
    ] = [],  # noqa: B006
    save: Annotated[bool, Option("--save", help=f"Keep new runs in {FINISHED.name}")] = False,
    jobs: Annotated[int, Option(help="Runs at once, one thread each")] = 1,
) -> None:
    """Train what is not in the cache, then print a table."""
    overrides = parse_config_overrides(ctx.args)
    settings = {name: json.loads(value) for name, _, value in (s.partition("=") for s in setting)}
    corpora = {name: prepare_classes(data, cache, name) for name in corpus}
    runs = [
        run_of(kind, corpora[name], steps, seed, overrides, dev=dev, settings=settings)
        for seed in range(seeds)
        for name in corpus
        for kind in system
        if not (seed and name in REVIEWS)
    ]
    if dev:
        execute(runs, cache, jobs=jobs, on_done=_report)
        return
    store = Store.read()
    new = [run for run in runs if run.given() not in store.runs]
    results = execute(new, cache, jobs=jobs, on_done=_report)
    for run, result in zip(new, results, strict=True):
        store.add(run, result, corpora[run.name.partition("/")[0]])
    if save:
        store.write()
    typer.echo(table(store, [store.runs[run.given()] for run in runs]))


def run_of(
    system: str,
    corpus: BenchmarkCorpus,
    steps: int,
    seed: int,
    overrides: Mapping[str, Any],
    *,
    dev: bool,
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """A system on a corpus, scored on its test documents, or on those of dev.

    settings: of the class task of ours, in place of those that are proposed.
    """
    config = config_of(system, corpus, steps, overrides)
    test = str(corpus.dev if dev else corpus.test)
    code = set_class_task(config, settings) if settings and system == OURS else None
    return Run(f"{corpus.name}/{system}", config, seed, test, code)


@dataclass(frozen=True)
class Line:
    """A corpus in the table.

    scores: by system, mean over the seeds. stock: the one of stock's that dev chose. difference:
    of ours to that one, with its standard error over documents and seeds together.
    """

    corpus: str
    metric: str
    scores: dict[str, Resampled]
    stock: str
    difference: float
    error: float


def lines_of(store: Store, runs: Sequence[Finished]) -> list[Line]:
    """A line for each corpus that ours and a stock system have been trained on, over the seeds
    that all have in common."""
    by_corpus: dict[str, dict[str, list[Finished]]] = {}
    for run in runs:
        by_corpus.setdefault(run.corpus, {}).setdefault(run.system, []).append(run)
    return [
        _line(store, corpus, systems)
        for corpus, systems in by_corpus.items()
        if OURS in systems and len(systems) > 1
    ]


def _line(store: Store, corpus: str, systems: Mapping[str, Sequence[Finished]]) -> Line:
    metric = metric_of(corpus)
    common = set.intersection(*({run.seed for run in runs} for runs in systems.values()))
    systems = {
        name: sorted((run for run in runs if run.seed in common), key=lambda run: run.seed)
        for name, runs in systems.items()
    }
    average: Average = "macro" if metric == "macro F" else "micro"
    scores = resample(
        {name: [store.counts(run, average) for run in runs] for name, runs in systems.items()},
        SAMPLES,
    )
    stock = best_of(run for name, runs in systems.items() if name != OURS for run in runs)
    ours, theirs = scores[OURS], scores[stock[0].system]
    difference = ours.mean - theirs.mean
    error = float(np.std(ours.samples - theirs.samples))
    return Line(corpus, metric, scores, stock[0].system, difference, error)


def table(store: Store, runs: Sequence[Finished]) -> str:
    """A Markdown table, in per cent: means over seeds and ranges, and ours against the best."""
    header = [
        "corpus",
        *ARCHITECTURES,
        OURS,
        "best of stock by dev",
        "difference",
        "standard error",
    ]
    rows = [header, ["---"] * len(header)]
    lines = lines_of(store, runs)
    for line in lines:
        shown = [_score(line.scores.get(name)) for name in (*ARCHITECTURES, OURS)]
        last = [line.stock, f"{100 * line.difference:+.1f}", f"{100 * line.error:.1f}"]
        rows.append([f"{line.corpus} ({line.metric})", *shown, *last])
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), "", _summary(lines)])


def _score(found: Resampled | None) -> str:
    if found is None:
        return ""
    low, high = found.per_seed.min(), found.per_seed.max()
    spread = f" ({100 * low:.1f}–{100 * high:.1f})" if len(found.per_seed) > 1 else ""
    return f"{100 * found.mean:.1f}{spread}"


def _summary(lines: Sequence[Line]) -> str:
    others = [line for line in lines if line.corpus != "banking77"]
    mean = 100 * float(np.mean([line.difference for line in others])) if others else float("nan")
    below = [line.corpus for line in lines if line.difference < -line.error]
    return (
        f"Without banking77: {mean:+.2f} points in the mean, above stock on "
        f"{sum(line.difference > 0 for line in others)} of {len(others)}. Below by more than a "
        f"standard error: {', '.join(below) or 'none'}."
    )


def _report(run: Run, result: Result) -> None:
    shown = {key: round(result.scores[key], 4) for key in ("cats_acc", "cats_macro_f")}
    typer.echo(f"{run.name} seed {run.seed}: {shown} {result.train_seconds:.0f} s", err=True)


if __name__ == "__main__":
    app()
