"""Morphological features as whole strings and each for itself, on dev.

python -m benchmarks.morphology --data DIR --corpus gum --corpus ewt

The task alone, on the encoder that `init-config` writes. Unseen are the tokens of dev whose string
no token of train has. F is over all values of features of all tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from spacy.tokens import Doc
from typer import Option

from spacy_mtl.evaluation.runs import Result, Run, execute

from .corpora import BenchmarkCorpus, docs_of, only, prepare, write_docs
from .proposed import proposed
from .quality import DEFAULT_CACHE, report

WAYS: dict[str, dict[str, Any]] = {
    "whole strings": {},
    "by feature": {"by_feature": True},
    "by feature, no smoothing": {"by_feature": True, "label_smoothing": 0.0},
    "by feature, hidden layer": {"by_feature": True, "hidden_width": 96},
}
LAYER = "morph"
HEADER = "| corpus | way | seed | accuracy | of unseen | F of features | words/s |"


def main(
    data: Annotated[Path, Option(help="Folder with gum/ and ewt/")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    corpus: Annotated[list[str], Option(help="May be repeated")] = ["gum", "ewt"],  # noqa: B006
    way: Annotated[list[str], Option(help="May be repeated")] = list(WAYS)[:2],
    seeds: Annotated[int, Option(help="Seeds 0, 1, ...")] = 1,
    steps: Annotated[int, Option(help="Training steps of every run")] = 1000,
) -> None:
    """Train what is not in the cache, then print a table."""
    corpora = {name: _features_alone(prepare(data, cache, name), cache) for name in corpus}
    runs = [
        Run(f"{name}/{each}", _config(own, steps, WAYS[each]), seed, str(own.dev))
        for name, own in corpora.items()
        for each in way
        for seed in range(seeds)
    ]
    results = execute(runs, cache, on_done=report)
    rows = [row for result in results for row in _rows(result, corpora)]
    typer.echo("\n".join([HEADER, "|---|---|---|---|---|---|---|", *rows]))


def _features_alone(whole: BenchmarkCorpus, cache: Path) -> BenchmarkCorpus:
    """The corpus without other layers, so that `init-config` proposes the one task."""
    folder = cache / "corpora" / f"{whole.name}-{LAYER}"
    train, dev = folder / "train" / "train.spacy", folder / "dev.spacy"
    for source, target in ((whole.train["tag"], train), (whole.dev, dev)):
        if not target.exists():
            write_docs([only(doc, LAYER) for doc in docs_of(source)], target)
    return BenchmarkCorpus(whole.name, {LAYER: train}, train.parent, dev, dev)


def _config(corpus: BenchmarkCorpus, steps: int, settings: dict[str, Any]) -> dict[str, Any]:
    task = f"components.multitask.tasks.{LAYER}"
    overrides = {
        "training.max_steps": steps,
        "training.eval_frequency": 200,
        "training.patience": 0,
        **{f"{task}.{setting}": value for setting, value in settings.items()},
    }
    return dict(proposed(corpus, overrides))


def _rows(result: Result, corpora: dict[str, BenchmarkCorpus]) -> Iterator[str]:
    name, way = result.name.split("/")
    corpus = corpora[name]
    seen = {features for doc in docs_of(corpus.train[LAYER]) for features in _strings(doc)}
    sides = (docs_of(path) for path in (corpus.dev, result.predictions))
    pairs = [
        pair
        for gold, guess in zip(*sides, strict=True)
        for pair in zip(_strings(gold), _strings(guess), strict=True)
        if pair[0] is not None
    ]
    unseen = [pair for pair in pairs if pair[0] not in seen]
    cells = [
        f"{100 * _accuracy(pairs):.2f}",
        f"{100 * _accuracy(unseen):.1f} of {len(unseen)}",
        f"{100 * _f(pairs):.2f}",
        f"{result.words_per_second:,.0f}",
    ]
    yield f"| {name} | {way} | {result.seed} | {' | '.join(cells)} |"


def _strings(doc: Doc) -> list[str | None]:
    """The features of each token, None where nothing is known of them."""
    return [str(token.morph) if token.has_morph() else None for token in doc]


def _accuracy(pairs: Sequence[tuple[str | None, str | None]]) -> float:
    return sum(gold == guess for gold, guess in pairs) / max(len(pairs), 1)


def _f(pairs: Sequence[tuple[str | None, str | None]]) -> float:
    sides = [[{*(text or "").split("|")} - {""} for text in pair] for pair in pairs]
    right = sum(len(gold & guess) for gold, guess in sides)
    return 2 * right / max(sum(len(gold) + len(guess) for gold, guess in sides), 1)


if __name__ == "__main__":
    typer.run(main)
