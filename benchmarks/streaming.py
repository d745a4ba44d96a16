"""Peak memory of training on corpora of growing size, streamed and held in memory.

python -m benchmarks.streaming --growth 1 --growth 4 --growth 16

The corpora are folders of `.spacy` files with random words of a fixed vocabulary: new words would
be kept in any case, as spaCy's vocabulary forgets none. Each training is a process of its own.
"""

from __future__ import annotations

import io
import resource
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import spacy
import typer
from spacy.cli.init_config import init_config
from spacy.tokens import Doc, DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from thinc.api import Config
from typer import Option

from .systems import ENCODER, LISTENER, Settings

VOCABULARY = [f"word{i}" for i in range(2000)]
TAGS = [f"T{i}" for i in range(20)]
TYPES = ["LOC", "ORG", "PER"]
WORDS = 50  # of a document
FILE = 500  # documents
WIDTH = 32
BYTES = 1 if sys.platform == "darwin" else 1024  # in which the system counts memory


def main(
    growth: Annotated[list[int], Option(help="Size, times --docs; may be repeated")] = [1, 4, 16],  # noqa: B006
    docs: Annotated[int, Option(help="Documents of each of the two corpora")] = 1000,
    steps: Annotated[int, Option(help="Training steps of every run")] = 100,
    words: Annotated[int, Option(help="Words in a batch")] = 1000,
) -> None:
    """Write the corpora, train on them in both ways, and print a table."""
    lines = [
        "| documents | MB of files | streamed, peak MB | in memory, peak MB |",
        "|---|---|---|---|",
    ]
    for times in growth:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            in_new_process(write_corpora, folder, docs * times)
            size = sum(file.stat().st_size for file in folder.rglob("*.spacy")) / 1e6
            peaks = [
                in_new_process(train_and_measure, folder, max_epochs, steps, words)
                for max_epochs in (-1, 0)
            ]
        lines.append(f"| {2 * docs * times:,} | {size:.0f} | {peaks[0]:.0f} | {peaks[1]:.0f} |")
        typer.echo(lines[-1], err=True)
    typer.echo("\n".join(lines))


def in_new_process(function: Callable[..., Any], *args: Any) -> Any:
    """The function's result, from a process that has done nothing else."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def write_corpora(folder: Path, n: int) -> None:
    """Two corpora of `n` documents, one with tags and one with entities, and a small dev file."""
    rng = np.random.default_rng(0)
    vocab = spacy.blank("en").vocab
    for layer in ("tags", "entities"):
        (folder / layer).mkdir()
        for start in range(0, n, FILE):
            made = [_doc(vocab, layer, rng) for _ in range(min(FILE, n - start))]
            DocBin(docs=made).to_disk(folder / layer / f"{start:08}.spacy")
    DocBin(docs=[_doc(vocab, "both", rng) for _ in range(20)]).to_disk(folder / "dev.spacy")


def _doc(vocab: Any, layer: str, rng: np.random.Generator) -> Doc:
    words = [VOCABULARY[i] for i in rng.integers(len(VOCABULARY), size=WORDS)]
    given: dict[str, Any] = {}
    if layer != "entities":
        given["tags"] = [TAGS[len(TAGS) * number_of(word) // len(VOCABULARY)] for word in words]
    if layer != "tags":
        kinds = [number_of(word) % 10 for word in words]
        given["ents"] = [f"B-{TYPES[kind]}" if kind < len(TYPES) else "O" for kind in kinds]
    return Doc(vocab, words=words, **given)


def number_of(word: str) -> int:
    """The word's number, by which its annotation is chosen."""
    return int(word.removeprefix("word"))


def train_and_measure(folder: Path, max_epochs: int, steps: int, words: int) -> float:
    """Train for some steps; the peak of the process's memory in MB."""
    train(init_nlp(Config(settings(folder, max_epochs, steps, words))), stdout=io.StringIO())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES / 1e6


def settings(folder: Path, max_epochs: int, steps: int, words: int) -> Settings:
    """A small encoder with two tasks, whose labels are given."""
    config: Settings = init_config(lang="en", pipeline=["tagger"], silent=True).interpolate()
    config["nlp"]["pipeline"] = ["tok2vec", "multitask"]
    config["components"] = {
        "tok2vec": {"factory": "tok2vec", "model": {**ENCODER, "width": WIDTH, "depth": 1}},
        "multitask": {
            "factory": "multitask",
            "model": {
                "@architectures": "spacy_mtl.HardSharing.v1",
                "tok2vec": {**LISTENER, "width": WIDTH},
            },
            "tasks": {
                "tagger": {"@mtl_tasks": "spacy_mtl.Tagger.v1"},
                "ner": {"@mtl_tasks": "spacy_mtl.NER.v1"},
            },
        },
    }
    config["initialize"]["components"] = {"multitask": {"labels": {"tagger": TAGS, "ner": TYPES}}}
    reader = {"@readers": "spacy.Corpus.v1", "gold_preproc": False}
    config["corpora"]["dev"] = {**reader, "path": str(folder / "dev.spacy")}
    config["corpora"]["train"] = {
        "@readers": "spacy_mtl.MixedCorpus.v1",
        "corpora": {name: {**reader, "path": str(folder / name)} for name in ("tags", "entities")},
    }
    config["training"].update(max_epochs=max_epochs, max_steps=steps, eval_frequency=steps)
    config["training"]["batcher"] = {"@batchers": "spacy_mtl.MixtureBatches.v1", "size": words}
    config["training"]["score_weights"] = {"tag_acc": 0.5, "ents_f": 0.5}
    return config


if __name__ == "__main__":
    typer.run(main)
