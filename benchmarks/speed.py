"""Prediction speed of trained pipelines beside stock spaCy's, one thread, in turns.

python -m benchmarks.speed --data DIR
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import spacy
import typer
from spacy.language import Language
from typer import Option

from spacy_mtl.corpora.readers import gold_token_examples
from spacy_mtl.evaluation.runs import execute
from spacy_mtl.evaluation.scores import score_examples
from spacy_mtl.speed.measure import Report, Settings, Speed, Summary, measure
from spacy_mtl.speed.plot import write_plot

from .corpora import BenchmarkCorpus, prepare
from .quality import DEFAULT_CACHE, system_runs

LATENCY_WORDS = 20
PRECISION = "components.tok2vec.model.encode.precision"
MEMORY = "components.tok2vec.model.embed.cache_bits"
FIGURES = {"docs": "words_per_second_docs", "text": "words_per_second_text"}


def trained(corpus: BenchmarkCorpus, cache: Path, steps: int) -> dict[str, str]:
    """Systems by name, as `measure` takes them; trained with seed 0 unless they are there."""
    kinds = ["joint", "separate", "multitask"]
    runs = {kind: system_runs(kind, corpus, steps, 0) for kind in kinds}
    paths = {}
    for kind, of_kind in runs.items():
        results = execute(of_kind, cache, keep_models=True)
        paths[kind] = "+".join(str(result.model) for result in results)
    ours = paths.pop("multitask")
    return {
        "stock, joint": paths["joint"],
        "stock, separate": paths["separate"],
        "ours, fp32": ours,
        "ours, bf16": f'{ours}@{PRECISION}="bf16"',
        "ours, fp32, no word remembered": f"{ours}@{MEMORY}=0",
        "ours, bf16, no word remembered": f'{ours}@{PRECISION}="bf16",{MEMORY}=0',
    }


def run(
    data: Path,
    cache: Path,
    corpus: str,
    rounds: int,
    steps: int,
    plot: Path | None = None,
    gpu_id: int = -1,
) -> str:
    """Train what is missing, measure, and return Markdown."""
    prepared = prepare(data, cache, corpus)
    models = trained(prepared, cache, steps)
    settings = Settings(rounds=rounds, latency_words=LATENCY_WORDS, gpu_id=gpu_id)
    report = measure(list(models.values()), prepared.test, settings=settings, names=list(models))
    if plot:
        write_plot(report, plot)
    return "\n\n".join([table(report, "joint"), scores_by_setting(prepared, models["ours, fp32"])])


def table(report: Report, first: str) -> str:
    """Markdown; ratios are to the first system, which is called so."""
    lines = [
        f"| system | Docs, words/s | times {first} | raw text, words/s | times {first} "
        f"| latency of {LATENCY_WORDS} words, ms (99th percentile) | times {first} | peak MB "
        "| load s | disk MB |",
        "|---" * 10 + "|",
    ]
    base = report.systems[0]
    for system in report.systems:
        cells = [system.name]
        for figure in FIGURES.values():
            cells += [f"{system.summary(figure).median:,.0f}", _times(system.ratio(figure, base))]
        latency = _times(system.ratio("latency_ms_median", base))
        cells += [_latency(system), latency, *_sizes(system)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _times(ratio: Summary) -> str:
    return f"{ratio.median:.2f} ({ratio.min:.2f}–{ratio.max:.2f})"


def ratio_text(ratios: Sequence[float]) -> str:
    """The median, and the range."""
    return _times(Summary(statistics.median(ratios), min(ratios), max(ratios)))


def _latency(system: Speed) -> str:
    median, p99 = (system.summary(f"latency_ms_{name}").median for name in ("median", "p99"))
    return f"{median:.2f} ({p99:.2f})"


def _sizes(system: Speed) -> list[str]:
    memory = "" if system.memory_peak_mb is None else f"{system.memory_peak_mb:.0f}"
    return [memory, f"{system.load_seconds:.1f}", f"{system.disk_mb:.0f}"]


def scores_by_setting(
    corpus: BenchmarkCorpus,
    path: str,
    setting: str = PRECISION,
    values: Sequence[Any] = ("fp32", "bf16"),
) -> str:
    """The test scores of one model as it is loaded with several values of a setting."""
    keys = ["tag_acc", "ents_f", "cats_macro_f", "cats_acc", "whole_acc"]
    name = setting.rpartition(".")[2]
    lines = [f"| {name} | " + " | ".join(keys) + " |", "|---" * (1 + len(keys)) + "|"]
    for value in values:
        scores = test_scores(spacy.load(path, config={setting: value}), corpus)
        cells = [f"{scores[key]:.4f}" if key in scores else "" for key in keys]
        lines.append(f"| {value} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def test_scores(nlp: Language, corpus: BenchmarkCorpus) -> dict[str, float]:
    """Those of a pipeline on the corpus's own tokens."""
    examples = list(gold_token_examples(corpus.test, nlp))
    docs = nlp.pipe([example.predicted for example in examples])
    for example, doc in zip(examples, docs, strict=True):
        example.predicted = doc
    return score_examples(examples)


def main(
    data: Annotated[Path, Option(help="Folder with gum/ and snips/")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    corpus: Annotated[list[str], Option(help="May be repeated")] = ["gum", "snips"],  # noqa: B006
    rounds: Annotated[int, Option(help="Rounds that count")] = 5,
    steps: Annotated[int, Option(help="Training steps of every run")] = 2000,
    plots: Annotated[Path | None, Option(help="Folder for plots")] = None,
    gpu_id: Annotated[int, Option("--gpu-id", "-g", help="GPU, -1 for the CPU")] = -1,
) -> None:
    """Print two Markdown tables for each corpus."""
    for name in corpus:
        plot = plots / f"speed-{name}.png" if plots else None
        typer.echo(f"{name}\n\n{run(data, cache, name, rounds, steps, plot, gpu_id)}\n")


if __name__ == "__main__":
    typer.run(main)
