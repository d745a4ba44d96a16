"""A whole pipeline: stock spaCy's six components against one `multitask`, on real corpora.

python -m benchmarks.everyday --data DIR --corpus gum --corpus ewt --seeds 3

joint: tagger, morphologizer, parser, trainable_lemmatizer, ner and textcat on one tok2vec, as
`spacy init config` writes them. separate: each of them alone, with a tok2vec of its own, on the
files that have its layer. multitask: what `spacy mtl init-config` writes for the same files;
four-bits: the same with the other decoder of the parser. All have an encoder of width 96 and depth
4, the same steps, and batches of the same numbers of words. wide, deep and wide-deep are multitask
with vectors of 256 numbers, eight layers, and both; bilstm has spaCy's BiLSTM behind the layers.
minilm: what `init-config --transformer` writes for a folder with its weights, on batches of 800
words.

Runs whose scores are in `benchmarks/finished/everyday.jsonl` are not trained again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from typer import Option

from spacy_mtl.comparison.bootstrap import difference, holm, resample
from spacy_mtl.evaluation.runs import Run, execute

from .corpora import BenchmarkCorpus, prepare
from .everyday_documents import FINISHED, SCORES, Finished, Key, documents, read, write
from .pretrained import find
from .pretrained import multitask as on_transformer
from .proposed import proposed
from .quality import DEFAULT_CACHE, examples_of
from .systems import Settings, set_value, stock

STOCK = {  # by component, the file that it is trained on
    "tagger": "tag",
    "morphologizer": "tag",
    "parser": "tag",
    "trainable_lemmatizer": "tag",
    "ner": "ents",
    "textcat": "cats",
}
PARSER = ("components", "multitask", "tasks", "parser")
TOK2VEC = ("components", "tok2vec", "model")
SAMPLES = 5000
WIDE, DEEP = 256, 8


def main(
    data: Annotated[Path, Option(help="Folder with gum/ and ewt/")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    corpus: Annotated[list[str], Option(help="May be repeated")] = ["gum", "ewt"],  # noqa: B006
    system: Annotated[
        list[str], Option(help="May be repeated; others are compared with the last")
    ] = ["joint", "separate", "four-bits", "multitask"],  # noqa: B006
    seeds: Annotated[int, Option(help="Seeds 0, 1, ...")] = 1,
    steps: Annotated[int, Option(help="Training steps of every run")] = 2000,
    first_words: Annotated[
        int, Option(help="Words of the first batches; the last have 1,000")
    ] = 400,
    weights: Annotated[str, Option(help="Folder with a transformer, for minilm")] = "",
    jobs: Annotated[int, Option(help="Runs at once, one thread each")] = 1,
    dev: Annotated[bool, Option("--dev", help="Score dev in place of test, to choose by")] = False,
    save: Annotated[bool, Option("--save", help=f"Keep new runs in {FINISHED.name}")] = False,
) -> None:
    """Train what is not known, then print a table of each corpus."""
    known = {} if dev else read()
    for name in corpus:
        prepared = prepare(data, cache, name)
        if dev:
            prepared = BenchmarkCorpus(
                name, prepared.train, prepared.train_all, *2 * [prepared.dev]
            )
        rows: list[list[Finished]] = []
        for kind in system:
            job = Job(prepared, kind, steps, 800 if kind == "minilm" else first_words, weights)
            keys = [job.key(seed) for seed in range(seeds)]
            for key in keys:
                if key not in known:
                    known[key] = job.run(key[-1], cache, jobs)
                    if save and not dev:
                        write(known)
            rows.append([known[key] for key in keys])
        typer.echo(f"{table(rows)}\n")


@dataclass(frozen=True)
class Job:
    """One system on one corpus."""

    corpus: BenchmarkCorpus
    system: str
    steps: int
    first_words: int
    weights: str

    def key(self, seed: int) -> Key:
        """What a run is found by."""
        return self.corpus.name, self.system, self.first_words, self.steps, seed

    def run(self, seed: int, cache: Path, jobs: int) -> Finished:
        """Train and score; of several pipelines each gives the scores of its own layers."""
        configs = SYSTEMS[self.system](self)
        for config in configs:
            size = config["training"]["batcher"]["size"]
            if isinstance(size, dict):
                size["start"] = self.first_words
            if "sampling" in config["training"]["batcher"]:
                config["training"]["batcher"]["seed"] = seed
        name = f"{self.corpus.name}/{self.system}/{self.first_words}"
        runs = [Run(name, config, seed, str(self.corpus.test)) for config in configs]
        results = execute(runs, cache, jobs=jobs, keep_models=True)
        parts = [documents(examples_of(result, self.corpus)) for result in results]
        seconds = sum(result.train_seconds for result in results)
        words = sum(int(result.history[-1].get("words", 0)) for result in results)
        found = Finished.joined(self.key(seed), parts, round(seconds), words)
        typer.echo(f"{found.key} {found.shown()} {seconds:.0f} s", err=True)
        return found


def joint(job: Job) -> list[Settings]:
    """Stock components on one encoder."""
    return [stock(job.corpus, job.steps, list(STOCK))]


def separate(job: Job) -> list[Settings]:
    """A stock pipeline for each component."""
    return [
        stock(job.corpus, job.steps, [name], train=job.corpus.train[layer])
        for name, layer in STOCK.items()
    ]


def ours(job: Job) -> Settings:
    """What `init-config` writes."""
    limits = {"training.max_steps": job.steps, "training.patience": 0}
    config: Settings = proposed(job.corpus, limits, everything=True).interpolate()
    return config


def four_bits(job: Job) -> list[Settings]:
    """The same with the other decoder."""
    config = ours(job)
    set_value(config, [*PARSER, "decoder"], "four_bits")
    return [config]


def larger(width: int, depth: int) -> Callable[[Job], list[Settings]]:
    """The same with vectors of more numbers, and more layers."""

    def make(job: Job) -> list[Settings]:
        config = ours(job)
        encoder = config["components"]["tok2vec"]["model"]
        for part in (*encoder.values(), config["components"]["multitask"]["model"]["tok2vec"]):
            if "width" in part:
                part["width"] = width
        encoder["encode"]["depth"] = depth
        return [config]

    return make


def bilstm(job: Job) -> list[Settings]:
    """The same with a BiLSTM in place of the layers of windows."""
    config = ours(job)
    encode = {
        "@architectures": "spacy.TorchBiLSTMEncoder.v1",
        "width": 96,
        "depth": 2,
        "dropout": 0.1,
    }
    set_value(config, [*TOK2VEC, "encode"], encode)
    return [config]


def minilm(job: Job) -> list[Settings]:
    """What `init-config --transformer` writes."""
    return [on_transformer(job.corpus, job.steps, find(job.weights), everything=True)]


SYSTEMS: dict[str, Callable[[Job], list[Settings]]] = {
    "joint": joint,
    "separate": separate,
    "multitask": lambda job: [ours(job)],
    "four-bits": four_bits,
    "wide": larger(WIDE, 4),
    "deep": larger(96, DEEP),
    "wide-deep": larger(WIDE, DEEP),
    "bilstm": bilstm,
    "minilm": minilm,
}


def table(rows: Sequence[Sequence[Finished]]) -> str:
    """A Markdown table in per cent: mean and range over seeds, and how far others are from the
    last system, with p corrected for the number of its scores (Holm)."""
    last = rows[-1]
    names = [name for name in SCORES if name in last[0].statistics]
    found = {
        name: resample({runs[0].system: [run.of(name) for run in runs] for runs in rows}, SAMPLES)
        for name in names
    }
    lines = [[last[0].corpus, *names, "words seen", "seconds"]]
    lines.append(["---"] * len(lines[0]))
    for runs in rows:
        scores = {name: found[name][runs[0].system] for name in names}
        gaps = {name: difference(found[name][last[0].system], scores[name]) for name in names}
        p = holm({name: gap.p for name, gap in gaps.items()})
        cells = []
        for name in names:
            low, high = 100 * scores[name].per_seed.min(), 100 * scores[name].per_seed.max()
            spread = f" ({low:.1f}–{high:.1f})" if len(runs) > 1 else ""
            gap = f"; {100 * gaps[name].value:+.1f}, p {p[name]:.2f}" if runs is not last else ""
            cells.append(f"{100 * scores[name].mean:.1f}{spread}{gap}")
        words, seconds = (np.mean([f(run) for run in runs]) for f in (_seen, _took))
        name = f"{runs[0].system}, from {runs[0].first_words} words"
        lines.append([name, *cells, f"{words:,.0f}", f"{seconds:.0f}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _seen(run: Finished) -> int:
    return run.words


def _took(run: Finished) -> int:
    return run.seconds


if __name__ == "__main__":
    typer.run(main)
