"""Thresholds of labels, chosen on dev: the semantic roles that are present in a sentence.

python -m benchmarks.thresholds --data DIR

One multi-label task, as `spacy mtl init-config` proposes it, on the sentences of `ewt_srl`. The
columns of dev are cross-validated within it: by them the prior was chosen. Macro F is of the roles
that the gold annotation has, "all" also of those that are assigned and never right.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import spacy
import typer
from numpy.typing import NDArray
from spacy.cli._util import parse_config_overrides
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab
from typer import Option

from spacy_mtl.corpora.readers import gold_token_examples
from spacy_mtl.evaluation.runs import Run, execute
from spacy_mtl.evaluation.temperature import LabelledScores, labelled_scores
from spacy_mtl.evaluation.thresholds import PRIOR, LabelDecisions, best_thresholds, label_decisions
from spacy_mtl.metrics.f_score import f_score

from .class_systems import OURS, config_of
from .corpora import BenchmarkCorpus, write_docs
from .quality import DEFAULT_CACHE

NAME = "ewt_srl"
PARTS = ("train", "dev", "test")
COMMON = 0.5
PRIORS = (0.0, 5.0, 10.0, 20.0, 50.0)
TESTED = (None, 0.0, PRIOR)
PARTS_OF_DEV, REPEATS = 5, 10
MEASURES = ("macro F", "macro F, all", "micro F")
HEADER = ("thresholds", *(f"{part}: {name}" for part in ("dev", "test") for name in MEASURES))

Counted = NDArray[np.int64]

app = typer.Typer(add_completion=False)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def main(
    ctx: typer.Context,
    data: Annotated[Path, Option(help="Folder with ewt_srl/")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    seeds: Annotated[int, Option(help="Seeds 0, 1, ...")] = 3,
    steps: Annotated[int, Option(help="Training steps of every run")] = 1000,
    jobs: Annotated[int, Option(help="Runs at once, one thread each")] = 1,
) -> None:
    """Train what is not in the cache, then print a table: mean and deviation over seeds."""
    corpus = prepare_roles(data, cache)
    config = config_of(OURS, corpus, steps, parse_config_overrides(ctx.args))
    runs = [Run(f"{NAME}/{OURS}", config, seed, str(corpus.test)) for seed in range(seeds)]
    results = execute(runs, cache, jobs=jobs, keep_models=True)
    measured = [_measure(spacy.load(result.model), corpus) for result in results]
    typer.echo(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}")
    for prior in (None, *PRIORS):
        typer.echo(_row(prior, np.asarray([found[prior] for found in measured])))


def prepare_roles(data: Path, cache: Path) -> BenchmarkCorpus:
    """Each sentence with the roles that its frames have, of all roles in train."""
    folder = cache / "corpora" / NAME
    paths = {part: folder / f"{part}.spacy" for part in PARTS}
    if not all(path.exists() for path in paths.values()):
        rows = {part: _rows(data / NAME / f"{part}.jsonl") for part in PARTS}
        roles = sorted(set().union(*map(_roles, rows["train"])))
        vocab = spacy.blank("en").vocab
        for part, path in paths.items():
            write_docs((_doc(row, roles, vocab) for row in rows[part]), path)
    return BenchmarkCorpus(
        NAME, {"cats": paths["train"]}, paths["train"], paths["dev"], paths["test"]
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def _roles(row: dict[str, Any]) -> set[str]:
    return {role for frame in row["frames"] for _, _, role in frame["arguments"]}


def _doc(row: dict[str, Any], roles: list[str], vocab: Vocab) -> Doc:
    doc = Doc(vocab, words=row["tokens"], spaces=row["spaces"])
    present = _roles(row)
    doc.cats = {f"role={role}": float(role in present) for role in roles}
    return doc


def _measure(nlp: Language, corpus: BenchmarkCorpus) -> dict[float | None, list[float]]:
    """The cells of each prior, None for one threshold everywhere."""
    dev, test = (_scores(nlp, path) for path in (corpus.dev, corpus.test))
    dev.fit()
    on_dev, on_test = _decisions(dev), _decisions(test)
    found = {}
    for prior in (None, *PRIORS):
        validated = [_validated(on_dev, prior, repeat) for repeat in range(REPEATS)]
        cells = np.mean([_f(counts) for counts in validated], axis=0).tolist()
        if prior in TESTED:
            cells += _f(_counts(on_test, _thresholds(on_dev, prior)))
        found[prior] = cells
    return found


def _scores(nlp: Language, path: Path) -> LabelledScores:
    (found,) = labelled_scores(nlp, gold_token_examples(path, nlp))
    return found


def _decisions(scores: LabelledScores) -> LabelDecisions:
    found = label_decisions(scores)
    assert found is not None
    return found


def _validated(dev: LabelDecisions, prior: float | None, repeat: int) -> Counted:
    """Each part of dev with the thresholds of its rest."""
    n = len(dev.gold)
    part = np.random.default_rng(repeat).permutation(n) % PARTS_OF_DEV
    pairs = ((_rows_of(dev, part == k), _rows_of(dev, part != k)) for k in range(PARTS_OF_DEV))
    return np.sum([_counts(held, _thresholds(rest, prior)) for held, rest in pairs], axis=0)


def _rows_of(found: LabelDecisions, kept: NDArray[np.bool_]) -> LabelDecisions:
    return replace(found, probabilities=found.probabilities[kept], gold=found.gold[kept])


def _thresholds(found: LabelDecisions, prior: float | None) -> dict[str, float]:
    if prior is None:
        return dict.fromkeys(found.labels, COMMON)
    best = best_thresholds(found.probabilities, found.gold, COMMON, prior)
    return dict(zip(found.labels, best.tolist(), strict=True))


def _counts(found: LabelDecisions, thresholds: dict[str, float]) -> Counted:
    """(n_labels, 3) right, too many and missing."""
    counted: Counted = found.counts(thresholds).array.sum(axis=0)
    return counted


def _f(counts: Counted) -> list[float]:
    """Macro F of the labels that the gold annotation has, of all that are there, and micro F."""
    gold = counts[counts[:, 0] + counts[:, 2] > 0]
    micro = f_score(counts.sum(axis=0, keepdims=True), "micro")
    return [float(f_score(gold, "macro")), float(f_score(counts, "macro")), float(micro)]


def _row(prior: float | None, cells: NDArray[np.float64]) -> str:
    """cells: (n_seeds, n)."""
    title = "0.5" if prior is None else f"of dev, prior {prior:g}"
    shown = [f"{values.mean():.3f} ± {values.std():.3f}" for values in cells.T]
    shown += ["-"] * (len(HEADER) - 1 - len(shown))
    return f"| {title} | {' | '.join(shown)} |"


if __name__ == "__main__":
    app()
