"""Overlapping spans: the arguments of `ewt_srl`, against spaCy's `spancat`.

The arguments of all predicates of a sentence are its spans, so that they overlap and are nested.
Both systems have the suggester that `init-config` chooses, encoders of the same size, and the same
batches; the rest is what `spacy init config` and `spacy mtl init-config` write.

python -m benchmarks.overlapping_spans --data DIR
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import spacy
import typer
from spacy.language import Language
from spacy.pipeline.spancat import spancat_score
from spacy.tokens import Doc, Span
from spacy.training import Example
from typer import Option

from spacy_mtl.evaluation.runs import Result, Run, execute
from spacy_mtl.models.candidates import Suggester
from spacy_mtl.registry import registry
from spacy_mtl.tasks.gold_candidates import candidate_recall

from . import systems
from .corpora import BenchmarkCorpus, docs_of, write_docs
from .proposed import proposed
from .quality import DEFAULT_CACHE, parse_change

NAME = KEY = "srl"
TASK = f"spans_{KEY}"
FILES = {"train": "train.jsonl", "dev": "dev.jsonl", "test": "test.jsonl"}
BATCHES = {"@schedules": "compounding.v1", "start": 400, "stop": 1000, "compound": 1.001, "t": 0.0}
ROUNDS = 5

Settings = dict[str, Any]


def main(
    data: Annotated[Path, Option(help="Folder with ewt_srl/")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    system: Annotated[list[str], Option(help="May be repeated")] = ["spancat", "multitask"],  # noqa: B006
    steps: Annotated[int, Option(help="Training steps of every run")] = 1000,
    seed: Annotated[int, Option(help="Of every run")] = 0,
    change: Annotated[
        list[str] | None,
        Option(metavar="PATH=JSON", help="Something else in the config of multitask"),
    ] = None,
    dev: Annotated[bool, Option("--dev", help="Score on dev, to choose by")] = False,
) -> None:
    """Train what is not in the cache, then print a table."""
    corpus = prepare(data, cache)
    changes = dict(parse_change(each) for each in change or ())
    configs = {name: SYSTEMS[name](corpus, steps) for name in system}
    for path, value in changes.items():
        systems.set_value(configs["multitask"], path.split("__"), value)
    name = " ".join([KEY, *(change or ())])
    runs = [
        Run(f"{name}/{kind}", config, seed, str(corpus.dev)) for kind, config in configs.items()
    ]
    results = execute(runs, cache, keep_models=True)
    typer.echo(table(results, docs_of(corpus.dev if dev else corpus.test)))


def prepare(data: Path, cache: Path) -> BenchmarkCorpus:
    """A Doc for each sentence, in `cache`, unless it is there already."""
    folder = cache / "corpora" / "ewt_srl"
    paths = {part: folder / f"{part}.spacy" for part in FILES}
    for part, path in paths.items():
        if not path.exists():
            with (data / "ewt_srl" / FILES[part]).open(encoding="utf8") as file:
                vocab = spacy.blank("en").vocab
                write_docs((sentence(vocab, json.loads(line)) for line in file), path)
    train = paths["train"]
    return BenchmarkCorpus("ewt_srl", {"spans": train}, train, paths["dev"], paths["test"])


def sentence(vocab: Any, line: Settings) -> Doc:
    """The arguments of all its predicates, each once, by their borders."""
    doc = Doc(vocab, words=line["tokens"], spaces=line["spaces"])
    arguments = {tuple(each) for frame in line["frames"] for each in frame["arguments"]}
    doc.spans[KEY] = [Span(doc, first, last + 1, role) for first, last, role in sorted(arguments)]
    return doc


def multitask(corpus: BenchmarkCorpus, steps: int) -> Settings:
    """What `spacy mtl init-config` writes."""
    config: Settings = proposed(corpus, {}).interpolate()
    config["training"].update(max_steps=steps, patience=0)
    config["training"]["batcher"]["size"] = dict(BATCHES)
    return config


def spancat(corpus: BenchmarkCorpus, steps: int) -> Settings:
    """What `spacy init config` writes, with the suggester that ours has."""
    config = systems.stock(corpus, steps, ["spancat"])
    block = multitask(corpus, steps)["components"]["multitask"]["tasks"][TASK]
    config["components"]["spancat"].update(suggester=block["suggester"], spans_key=KEY)
    config["training"]["score_weights"] = {f"spans_{KEY}_f": 1.0}
    config["training"]["batcher"]["size"] = dict(BATCHES)
    return config


SYSTEMS: dict[str, Callable[[BenchmarkCorpus, int], Settings]] = {
    "spancat": spancat,
    "multitask": multitask,
}


def table(results: list[Result], docs: list[Doc]) -> str:
    """A Markdown table of the pipelines on these documents."""
    pipelines = [spacy.load(result.model) for result in results]
    speeds = words_per_second(pipelines, docs)
    lines = ["| system | P | R | F | candidate recall | words/s | training s |", "|---" * 7 + "|"]
    for result, nlp, speed in zip(results, pipelines, speeds, strict=True):
        examples = annotated(nlp, docs)
        scores = spancat_score(examples, spans_key=KEY)
        found, total = candidate_recall(suggester_of(nlp), examples, KEY)
        cells = [f"{scores[f'spans_{KEY}_{each}']:.3f}" for each in "prf"]
        cells += [f"{found / total:.3f}", f"{speed:,.0f}", f"{result.train_seconds:.0f}"]
        lines.append(f"| {result.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def words_per_second(pipelines: list[Language], docs: list[Doc]) -> list[float]:
    """The median speed of each pipeline over these documents, in turns, after a round that does
    not count."""
    n_words = sum(map(len, docs))
    seconds: list[list[float]] = [[] for _ in pipelines]
    for turn in range(ROUNDS + 1):
        for nlp, own in [*zip(pipelines, seconds, strict=True)][:: -1 if turn % 2 else 1]:
            bare = [bare_copy(nlp, doc) for doc in docs]
            started = time.perf_counter()
            for _ in nlp.pipe(bare):
                pass
            own.append(time.perf_counter() - started)
    return [n_words / median(own[1:]) for own in seconds]


def annotated(nlp: Language, docs: list[Doc]) -> list[Example]:
    """What a pipeline finds, beside the annotation."""
    predicted = nlp.pipe([bare_copy(nlp, doc) for doc in docs])
    return [Example(*sides) for sides in zip(predicted, docs, strict=True)]


def bare_copy(nlp: Language, doc: Doc) -> Doc:
    """The tokens alone."""
    words, spaces = [t.text for t in doc], [bool(t.whitespace_) for t in doc]
    return Doc(nlp.vocab, words=words, spaces=spaces)


def suggester_of(nlp: Language) -> Suggester:
    """That of the pipeline's only span categorizer."""
    components = nlp.config["components"]
    block = components.get("spancat") or components["multitask"]["tasks"][TASK]
    suggester: Suggester = registry.resolve({"suggester": block["suggester"]})["suggester"]
    return suggester


if __name__ == "__main__":
    typer.run(main)
