"""Two systems' class scores on the same test documents: the difference and its standard error.

python -m benchmarks.class_scores --data DIR --corpus gum --system multitask --baseline separate
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from typer import Option

from spacy_mtl.evaluation.runs import execute
from spacy_mtl.evaluation.scores import class_pairs, macro_f

from .corpora import BenchmarkCorpus, prepare
from .quality import DEFAULT_CACHE, examples_of, system_runs

Pairs = list[tuple[str, str]]


def main(
    data: Annotated[Path, Option(help="Folder with gum/, ewt/ and snips/")],
    corpus: Annotated[str, Option(help="Name of the corpus")] = "gum",
    system: Annotated[str, Option(help="One system")] = "multitask",
    baseline: Annotated[str, Option(help="The other")] = "separate",
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    seeds: Annotated[int, Option(help="Seeds 0, 1, ...")] = 3,
    steps: Annotated[int, Option(help="Training steps of every run")] = 2000,
    samples: Annotated[int, Option(help="Bootstrap samples")] = 2000,
) -> None:
    """Macro F of the classes, mean over seeds, resampling the test documents in pairs."""
    prepared = prepare(data, cache, corpus)
    ours, theirs = (
        [_pairs(name, prepared, steps, seed, cache) for seed in range(seeds)]
        for name in (system, baseline)
    )
    rng = np.random.default_rng(0)
    n = len(ours[0])
    everything = np.arange(n)
    resampled = [rng.integers(n, size=n) for _ in range(samples)]
    differences = [_mean(ours, rows) - _mean(theirs, rows) for rows in resampled]
    difference = _mean(ours, everything) - _mean(theirs, everything)
    typer.echo(
        f"{corpus}: {system} {_mean(ours, everything):.3f}, {baseline} "
        f"{_mean(theirs, everything):.3f}, difference {difference:+.3f}, paired-bootstrap standard "
        f"error {np.std(differences):.3f} ({n} documents, {seeds} seeds, {samples} samples)"
    )


def _pairs(name: str, corpus: BenchmarkCorpus, steps: int, seed: int, cache: Path) -> Pairs:
    results = execute(system_runs(name, corpus, steps, seed), cache)
    classified = [result for result in results if "cats_macro_f" in result.scores]
    return class_pairs(examples_of(classified[0], corpus))


def _mean(systems: list[Pairs], rows: np.ndarray) -> float:
    return float(np.mean([macro_f([pairs[i] for i in rows]) for pairs in systems]))


if __name__ == "__main__":
    typer.run(main)
