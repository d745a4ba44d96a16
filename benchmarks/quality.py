"""Scores of stock spaCy and of `multitask` on real corpora, over the run cache.

python -m benchmarks.quality --data DIR --corpus gum --corpus ewt --corpus snips --seeds 3
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import spacy
import typer
from spacy.tokens import DocBin
from spacy.training import Example
from typer import Option

from spacy_mtl.evaluation.runs import Result, Run, execute
from spacy_mtl.evaluation.scores import score_examples

from . import systems
from .corpora import CLASSES, BenchmarkCorpus, prepare

SYSTEMS: dict[str, Callable[..., dict[str, Any]]] = {
    "joint": systems.joint,
    "joint-ensemble": systems.joint_ensemble,
    "expert": systems.expert,
    "separate": systems.separate,
    "separate-tuned": systems.separate_tuned,
    "single": systems.single,
    "balanced-joint": systems.balanced_joint,
    "mixed-joint": systems.mixed_joint,
    "balanced-mixed-joint": systems.balanced_mixed_joint,
    "balanced-ensemble": systems.balanced_ensemble,
    "balanced-ensemble-weighted": systems.balanced_ensemble_weighted,
    "multitask": systems.multitask,
    **{name: partial(systems.multitask, **changes) for name, changes in systems.VARIANTS.items()},
}
CHANGEABLE = ("multitask", "single", *systems.VARIANTS)
DEFAULT_SYSTEMS = ("joint", "joint-ensemble", "expert", "separate", "multitask")
DEFAULT_CACHE = Path("benchmarks/cache")
COLUMNS = ("tag_acc", "ents_f", "cats_macro_f", "cats_acc", "whole_acc")


def main(
    data: Annotated[Path, Option(help="Folder with gum/, ewt/ and snips/")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    corpus: Annotated[list[str], Option(help="May be repeated")] = list(CLASSES),  # noqa: B006
    system: Annotated[list[str], Option(help="May be repeated")] = list(DEFAULT_SYSTEMS),  # noqa: B006
    seeds: Annotated[int, Option(help="Seeds 0, 1, ...")] = 3,
    steps: Annotated[int, Option(help="Training steps of every run")] = 2000,
    jobs: Annotated[int, Option(help="Runs at once, one thread each")] = 1,
    change: Annotated[
        list[str] | None,
        Option(
            metavar="PATH=JSON",
            help="Something else in the config of multitask, of its variants, or of single, such "
            "as training.batcher.alpha=0.5; may be repeated",
        ),
    ] = None,
    first_words: Annotated[
        int, Option(help="Words of the first batches of all systems; the last have 1,000")
    ] = 100,
    unseen: Annotated[
        bool, Option("--unseen", help="Score only documents whose text is not in a training file")
    ] = False,
) -> None:
    """Train what is not in the cache, then print a table: mean and range over seeds."""
    changes = dict(parse_change(each) for each in change or ())
    _check(system, changes)
    corpora = {name: prepare(data, cache, name) for name in corpus}
    runs = [
        run
        for prepared in corpora.values()
        for kind in system
        for seed in range(seeds)
        for run in system_runs(kind, prepared, steps, seed, **changes)
    ]
    for run in runs:
        run.config["training"]["batcher"]["size"]["start"] = first_words
    results = execute(runs, cache, jobs=jobs, on_done=report)
    if unseen:
        results = [_unseen(result, corpora[result.name.split("/")[0]]) for result in results]
    typer.echo(table(results))


def parse_change(change: str) -> tuple[str, Any]:
    """A dotted path with `__` for the dots, and the value, of PATH=JSON."""
    path, _, value = change.partition("=")
    try:
        if "." not in path:
            raise ValueError(path)
        return path.replace(".", "__"), json.loads(value)
    except ValueError as error:  # JSON's too
        raise typer.BadParameter(
            f"Expected --change PATH=JSON, such as training.batcher.alpha=0.5, got {change}."
        ) from error


def _check(names: Iterable[str], changes: Mapping[str, Any]) -> None:
    known = CHANGEABLE if changes else SYSTEMS
    unknown = [name for name in names if name not in known]
    if unknown:
        suffix = " with --change" if changes else ""
        raise typer.BadParameter(
            f"Expected --system{suffix} out of {', '.join(known)}; got {', '.join(unknown)}."
        )


def system_runs(
    kind: str, corpus: BenchmarkCorpus, steps: int, seed: int, **changes: Any
) -> list[Run]:
    """The runs that make up a system: one, or one for each layer of the separate pipelines."""
    made = SYSTEMS[kind](corpus, steps, **changes)
    configs = made if kind.startswith(("separate", "single")) else {"": made}
    for config in configs.values():
        if "sampling" in config["training"]["batcher"]:
            config["training"]["batcher"]["seed"] = seed
    shown = [f"{key.replace('__', '.')}={json.dumps(value)}" for key, value in changes.items()]
    name = " ".join([f"{corpus.name}/{kind}", *shown])
    return [Run(name, config, seed, str(corpus.test)) for config in configs.values()]


def examples_of(result: Result, corpus: BenchmarkCorpus) -> list[Example]:
    """The test documents as annotated by a run, beside the gold ones."""
    vocab = spacy.blank("en").vocab
    sides = [DocBin().from_disk(path).get_docs(vocab) for path in (result.predictions, corpus.test)]
    return [Example(predicted, gold) for predicted, gold in zip(*sides, strict=True)]


def _unseen(result: Result, corpus: BenchmarkCorpus) -> Result:
    """The result with the scores of those test documents that are not in a training file too."""
    vocab = spacy.blank("en").vocab
    files = set(corpus.train.values())
    seen = {doc.text for file in files for doc in DocBin().from_disk(file).get_docs(vocab)}
    examples = [eg for eg in examples_of(result, corpus) if eg.reference.text not in seen]
    return replace(result, scores=score_examples(examples))


def table(results: list[Result]) -> str:
    """A Markdown table of mean and range over the seeds, a row for each corpus and system."""
    by_system: dict[str, dict[int, dict[str, float]]] = {}
    for result in results:
        seeds = by_system.setdefault(result.name, {})
        seeds.setdefault(result.seed, {"seconds": 0.0})
        seeds[result.seed].update(result.scores)
        seeds[result.seed]["seconds"] += result.train_seconds
    lines = ["| system | " + " | ".join(COLUMNS) + " | training s |"]
    lines.append("|---" * (len(COLUMNS) + 2) + "|")
    for name, by_seed in by_system.items():
        cells = [_cell([s[c] for s in by_seed.values() if c in s]) for c in COLUMNS]
        seconds = sum(s["seconds"] for s in by_seed.values()) / len(by_seed)
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {seconds:.0f} |")
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    if not values:
        return ""
    mean = sum(values) / len(values)
    return f"{mean:.3f} ({min(values):.3f}–{max(values):.3f})"


def report(run: Run, result: Result) -> None:
    """Say on the terminal that a run is done."""
    shown = {k: round(v, 4) for k, v in result.scores.items() if k in COLUMNS}
    typer.echo(f"{run.name} seed {run.seed}: {shown} {result.train_seconds:.0f} s", err=True)


if __name__ == "__main__":
    typer.run(main)
