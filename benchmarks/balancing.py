"""Every sampling strategy and many balancers against single tasks, on partially labelled corpora.

python -m benchmarks.balancing --data DIR --seeds 3

All candidates are screened with seed 0; the best four, by the development scores, run with all
seeds, as do the default and the single-task pipelines. Runs are shared through the cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from spacy_mtl.evaluation.runs import Result, Run, execute

from . import systems
from .corpora import PARTIAL, BenchmarkCorpus, prepare
from .quality import DEFAULT_CACHE, report

SINGLE, DEFAULT = "single tasks", "temperature 0.6"
SCALED = "temperature 0.6, larger batches"  # as many times as there are files
SAMPLINGS: dict[str, systems.Settings] = {
    "proportional": {"sampling": "proportional"},
    DEFAULT: {},
    SCALED: {},
    "temperature 0.8": {"alpha": 0.8},
    "uniform": {"sampling": "uniform"},
    # Over about ten epochs, which are two thousand steps.
    "annealed 1 to 0.5": {
        "sampling": "annealed",
        "alpha": {"@schedules": "compounding.v1", "start": 1.0, "stop": 0.5, "compound": 0.93},
    },
    "annealed 0.4 to 1": {
        "sampling": "annealed",
        "alpha": {"@schedules": "compounding.v1", "start": 0.4, "stop": 1.0, "compound": 1.12},
    },
    "round robin": {"sampling": "round_robin"},
    "dynamic": {"sampling": "dynamic"},
    "homogeneous": {"batches": "homogeneous"},
}
BALANCERS: dict[str, systems.Settings] = {
    **{
        method: {"@mtl_balancers": "spacy_mtl.Scalarization.v1", "method": method}
        for method in ("UW", "DWA", "IMTLL", "GeometricMean", "STCH", "Random")
    },
    **{
        method: {"@mtl_balancers": "spacy_mtl.GramianWeighting.v1", "method": method}
        for method in ("UPGrad", "PCGrad", "MGDA", "CAGrad", "IMTLG", "AlignedMTL", "NashMTL")
    },
    "GradNorm": {"@mtl_balancers": "spacy_mtl.GradNorm.v1"},
}
CANDIDATES = (*SAMPLINGS, *BALANCERS)
# Larger batches are another budget; a step of NashMTL takes 40 % longer.
SCREENED = tuple(name for name in CANDIDATES if name not in (SCALED, "NashMTL"))
TEST = {"tag": "tag_acc", "ents": "ents_f", "cats": "cats_macro_f"}
BEST = 4


def changes(name: str, references: Mapping[str, float] | None = None) -> systems.Settings:
    """What a candidate changes in the config of the system `multitask`.

    references: for "dynamic", the single tasks' dev scores by task, where they are known.
    Raises typer.BadParameter for a candidate that there is not.
    """
    if name in SAMPLINGS:
        settings = dict(SAMPLINGS[name])
        if name == "dynamic" and references:
            settings["references"] = dict(references)
        return {f"training__batcher__{key}": value for key, value in settings.items()}
    if name not in BALANCERS:
        known = ", ".join(CANDIDATES)
        raise typer.BadParameter(f"Expected a candidate out of {known}; got {name}.")
    return {"components__multitask__balancer": dict(BALANCERS[name])}


def main(
    data: Annotated[Path, Option(help="Folder with gum/ and ewt/")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    corpus: Annotated[list[str], Option(help="May be repeated")] = ["ewt", PARTIAL],  # noqa: B006
    candidate: Annotated[list[str], Option(help="May be repeated")] = list(SCREENED),  # noqa: B006
    seeds: Annotated[int, Option(help="Seeds 0, 1, ... of the best ones")] = 3,
    steps: Annotated[int, Option(help="Training steps of every run")] = 2000,
    jobs: Annotated[int, Option(help="Runs at once, one thread each")] = 1,
) -> None:
    """Train what is not in the cache, then print the screening and the comparison."""
    for name in candidate:
        changes(name)  # unknown ones are an error now, and not after the single tasks' training
    corpora = [prepare(data, cache, name) for name in corpus]
    references: dict[str, dict[str, float]] = {}

    def scores(names: Iterable[str], n_seeds: int) -> dict[str, dict[str, list[Scores]]]:
        """Per corpus and candidate, the scores of each seed."""
        plan = [(c, name, seed) for c in corpora for name in names for seed in range(n_seeds)]
        parts = [
            (place, run)
            for place in plan
            for run in runs_of(*place, steps, references.get(place[0].name))
        ]
        results = execute([run for _, run in parts], cache, jobs=jobs, on_done=report)
        merged: dict[str, dict[str, list[Scores]]] = {}
        for (c, name, seed), result in zip([place for place, _ in parts], results, strict=True):
            by_seed = merged.setdefault(c.name, {}).setdefault(name, [])
            by_seed.extend({} for _ in range(seed + 1 - len(by_seed)))
            by_seed[seed].update(_scores(result, c))
        return merged

    single = scores([SINGLE], 1)
    references.update({name: _references(rows[SINGLE][0]) for name, rows in single.items()})
    screened = scores(dict.fromkeys([SINGLE, DEFAULT, *candidate]), 1)
    ranking = sorted(candidate, key=lambda name: -_mean_gain(screened, name, "dev"))
    typer.echo(table(screened, [SINGLE, *ranking]))
    best = [name for name in ranking if name != DEFAULT][:BEST]
    typer.echo(table(scores([SINGLE, DEFAULT, *best], seeds), [SINGLE, DEFAULT, *best]))


Scores = dict[str, float]


def runs_of(
    corpus: BenchmarkCorpus,
    name: str,
    seed: int,
    steps: int,
    references: Mapping[str, float] | None = None,
) -> list[Run]:
    """The runs of a candidate: one, or one for each task."""
    if name == SINGLE:
        configs = list(systems.single(corpus, steps).values())
    else:
        configs = [systems.multitask(corpus, steps, **changes(name, references))]
        batcher = configs[0]["training"]["batcher"]
        batcher["seed"] = seed
        if name == SCALED:
            n_files = len(set(corpus.train.values()))
            batcher["size"].update(
                {end: batcher["size"][end] * n_files for end in ("start", "stop")}
            )
    return [Run(f"{corpus.name}/{name}", config, seed, str(corpus.test)) for config in configs]


def _scores(result: Result, corpus: BenchmarkCorpus) -> Scores:
    """Test scores, and behind "dev " those of the checkpoint that was chosen."""
    rows = [row for row in result.history if row.get("score") is not None]
    chosen = max(rows, key=lambda row: row["score"])["scores"]
    found = {
        f"dev {layer}": chosen[systems.SCORES[layer]]
        for layer in corpus.layers
        if systems.SCORES[layer] in chosen
    }
    tests = {
        layer: result.scores[TEST[layer]] for layer in corpus.layers if TEST[layer] in result.scores
    }
    return {**found, **tests}


def _references(single: Scores) -> dict[str, float]:
    """Dev scores of the single tasks, those whose main score is in the log, as parts of 1."""
    logged = {"tagger": "dev tag", "ner": "dev ents"}
    return {task: single[key] / 100 for task, key in logged.items() if key in single}


def delta_m(scores: Scores, single: Scores, part: str) -> float:
    """Mean relative gain over the single-task pipelines, in per cent (Maninis et al. 2019)."""
    keys = [key for key in single if key.startswith("dev ") == (part == "dev")]
    return 100 * sum(scores[key] / single[key] - 1 for key in keys) / len(keys)


def _mean_gain(found: dict[str, dict[str, list[Scores]]], name: str, part: str) -> float:
    gains = [delta_m(rows[name][0], rows[SINGLE][0], part) for rows in found.values()]
    return sum(gains) / len(gains)


def table(found: dict[str, dict[str, list[Scores]]], names: Sequence[str]) -> str:
    """A Markdown table of test scores and gains: mean, and range where there are several seeds."""
    lines = [
        "| corpus | candidate | tags | entities | classes | Δm test | Δm dev |",
        "|---" * 7 + "|",
    ]
    for corpus, rows in found.items():
        for name in names:
            pairs = list(zip(rows[name], rows[SINGLE], strict=True))
            cells = [_cell([row[layer] for row in rows[name]]) for layer in TEST]
            for part in ("test", "dev"):
                gains = [delta_m(row, single, part) for row, single in pairs]
                cells.append(_cell(gains, "{:+.1f}"))
            lines.append(f"| {corpus} | {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(values: Sequence[float], form: str = "{:.3f}") -> str:
    mean = form.format(sum(values) / len(values))
    if len(values) == 1:
        return mean
    return f"{mean} ({form.format(min(values))}–{form.format(max(values))})"


if __name__ == "__main__":
    typer.run(main)
