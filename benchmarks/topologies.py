"""Ways to share against hard sharing, on real corpora.

python -m benchmarks.topologies --data DIR --corpus snips --corpus gum --corpus ewt --dev

Every system is trained from scratch with what `spacy mtl init-config` writes, but for the topology,
see `benchmarks.topology_configs`. The checkpoint is the best on the development data. Differences
are to the last system, over documents and seeds, with p corrected for the number of scores (Holm).
Runs on test whose scores are in `benchmarks/finished` are not trained again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import spacy
import typer
from typer import Option

from spacy_mtl.evaluation.runs import Run, execute

from .corpora import BenchmarkCorpus, prepare
from .finished_documents import FINISHED, Finished, Key, documents, read, write
from .pretrained import table
from .quality import DEFAULT_CACHE, examples_of, parse_change, report
from .topology_configs import TOPOLOGIES, config_of, encoder_parameters

SYSTEMS = [*reversed(TOPOLOGIES)]  # hard sharing last
FOUND = FINISHED.with_name("topologies.jsonl")


def main(
    data: Annotated[Path, Option(help="Folder with the corpora")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    corpus: Annotated[list[str], Option(help="May be repeated")] = ["snips"],  # noqa: B006
    system: Annotated[
        list[str], Option(help="May be repeated; others are compared with the last")
    ] = SYSTEMS,
    seeds: Annotated[int, Option(help="Seeds 0, 1, ...")] = 1,
    steps: Annotated[int, Option(help="Training steps")] = 2000,
    jobs: Annotated[int, Option(help="Runs at once, one thread each")] = 1,
    dev: Annotated[bool, Option("--dev", help="Score dev in place of test, to choose by")] = False,
    change: Annotated[
        list[str], Option(metavar="PATH=JSON", help="Another setting, chosen by --dev")
    ] = [],  # noqa: B006
    save: Annotated[bool, Option("--save", help=f"Keep new runs in {FOUND.name}")] = False,
) -> None:
    """Train what is not known, then print a table of each corpus."""
    changes = dict(parse_change(each) for each in change)
    known = {} if dev or changes else read(FOUND)
    for name in corpus:
        prepared = prepare(data, cache, name)
        if dev:
            prepared = replace(prepared, test=prepared.dev)
        runs = []
        for kind in system:
            keys: list[Key] = [(name, kind, steps, seed) for seed in range(seeds)]
            missing = [key for key in keys if key not in known]
            known.update(_trained(prepared, missing, changes, cache, jobs))
            runs.append([known[key] for key in keys])
            if save and not (dev or changes):
                write(known, FOUND)
        typer.echo(f"{table(runs)}\n")


def _trained(
    corpus: BenchmarkCorpus, keys: list[Key], changes: Mapping[str, Any], cache: Path, jobs: int
) -> dict[Key, Finished]:
    runs = []
    for _, kind, steps, seed in keys:
        config = config_of(corpus, kind, steps, changes)
        runs.append(Run(f"{corpus.name}/{kind}", config, seed, str(corpus.test)))
    found = {}
    results = execute(runs, cache, jobs=jobs, keep_models=True, on_done=report)
    for key, result in zip(keys, results, strict=True):
        best = max(row["score"] for row in result.history)
        examples = examples_of(result, corpus)
        found[key] = documents(key, best, result.train_seconds, result.scores, examples)
        nlp = spacy.load(result.folder / "model")
        size = encoder_parameters(nlp.get_pipe("multitask").model)  # type: ignore[attr-defined]
        typer.echo(f"{key} {found[key].scores} encoders: {size:,} numbers", err=True)
    return found


if __name__ == "__main__":
    typer.run(main)
