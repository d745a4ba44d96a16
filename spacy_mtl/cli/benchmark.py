"""`spacy mtl benchmark`: how fast trained pipelines are, beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option
from wasabi import Printer

from ..files import write_whole
from ..speed.measure import THROUGHPUTS, Report, Settings, Speed, Summary, measure
from ..speed.plot import check_plot, write_plot
from ._app import app
from ._options import Code, GpuId
from ._printing import print_table

HEADERS = ("Words/s, Docs", "Words/s, text", "Docs/s, Docs", "Docs/s, text")


@app.command("benchmark")
def benchmark(
    models: Annotated[
        list[str],
        Argument(metavar="MODEL", help="Trained pipelines: folders or package names."),
    ],
    data: Annotated[
        Path,
        Option(
            metavar="FILE",
            exists=True,
            help="Documents: a .spacy file, or any that `spacy mtl convert` reads.",
        ),
    ],
    names: Annotated[
        list[str] | None,
        Option("--name", help="What to call a model; once for each MODEL, in their order."),
    ] = None,
    batch_size: Annotated[
        int | None,
        Option(min=1, help="Documents in a batch.", show_default="each pipeline's own"),
    ] = None,
    threads: Annotated[int, Option(min=1, help="Threads of linear algebra.")] = 1,
    rounds: Annotated[int, Option(min=1, help="Rounds that count.")] = 5,
    warmup: Annotated[int, Option(min=0, help="Rounds before them that do not.")] = 1,
    limit: Annotated[
        int | None, Option("--limit", "-n", min=1, help="Read only so many documents.")
    ] = None,
    min_words: Annotated[
        int,
        Option(min=0, help="Repeat the documents until a round has at least so many words."),
    ] = 20_000,
    latency_words: Annotated[
        int | None,
        Option(min=1, help="For latency, cut each document to its first words."),
    ] = None,
    code: Code = None,
    gpu_id: GpuId = -1,
    output: Annotated[
        Path | None,
        Option("--output", "-o", dir_okay=False, help="JSON file for everything measured."),
    ] = None,
    plot: Annotated[
        Path | None,
        Option(dir_okay=False, help="Image for a bar chart of words/s (extra: report)."),
    ] = None,
) -> None:
    """Measure how fast pipelines annotate documents, and what memory they need.

    Each MODEL has a process of its own. They take turns, round by round, so that what slows the
    machine down for a while meets all of them; ratios are to the first MODEL in the same round.
    Models joined with + run one after the other over the same documents and count as one.
    Behind @ stand config overrides, KEY=VALUE with commas between.

    Throughput is that of nlp.pipe, from tokenized Docs and from raw text; latency that of
    nlp(text), one document at a time. Documents that repeat within a batch cost less: let
    FILE have enough of them.

    \b
    Examples:
      spacy mtl benchmark training/joint/model-best --data test.spacy
      spacy mtl benchmark tagger/model-best+ner/model-best joint/model-best \\
        --name separate --name joint --data test.spacy --output speed.json --plot speed.png
      spacy mtl benchmark model-best model-best@nlp.batch_size=64 --data test.spacy
    """
    if plot is not None:
        check_plot(plot)
    settings = Settings(
        batch_size=batch_size,
        threads=threads,
        rounds=rounds,
        warmup=warmup,
        limit=limit,
        min_words=min_words,
        latency_words=latency_words,
        gpu_id=gpu_id,
    )
    report = measure(models, data, settings=settings, names=names or (), code=code, progress=True)
    _print_report(report)
    if output is not None:
        write_whole(output, f"{report.to_json()}\n".encode())
    if plot is not None:
        write_plot(report, plot)


def _print_report(report: Report) -> None:
    printer = Printer()
    printer.divider("Measured")
    typer.echo(_describe(report))
    printer.divider("Throughput")
    print_table(
        ("Model", "Batch", *HEADERS),
        [
            (system.name, _batches(system), *(_large(system.summary(name)) for name in THROUGHPUTS))
            for system in report.systems
        ],
    )
    printer.divider("Latency, time to load, size")
    print_table(
        ("Model", "Median ms", "99th perc. ms", "Load s", "Disk MB", "Loaded MB", "Peak MB"),
        [(system.name, *_latency_and_size(system)) for system in report.systems],
    )
    base, *others = report.systems
    if others:
        printer.divider(f"Times as fast as {base.name}")
        print_table(
            ("Model", *HEADERS),
            [
                (system.name, *(_ratio(system.ratio(name, base)) for name in THROUGHPUTS))
                for system in others
            ],
        )


def _describe(report: Report) -> str:
    """What was given to the models, and on what they ran."""
    data, settings = report.data, report.settings
    repeated = f", {data.repeats} times in a round" if data.repeats > 1 else ""
    cut = f", the first {settings.latency_words} words" if settings.latency_words else ""
    machine = report.environment["accelerator"] or report.environment["cpu"]
    return "\n".join(
        [
            f"Data      {data.name}: {data.documents:,} documents, {data.words:,} words{repeated}",
            f"Rounds    {settings.rounds} after {settings.warmup} of warmup: median (min-max)",
            f"Batch     in documents; latency: {data.latency_documents} documents one by one{cut}",
            "Memory    peak of the process, after loading and in all",
            f"Machine   {machine}, threads: {settings.threads}",
        ]
    )


def _latency_and_size(system: Speed) -> Sequence[str]:
    memory = (system.memory_loaded_mb, system.memory_peak_mb)
    return (
        _small(system.summary("latency_ms_median")),
        _small(system.summary("latency_ms_p99")),
        f"{system.load_seconds:.2f}",
        f"{system.disk_mb:,.1f}",
        *("unknown" if size is None else f"{size:,.0f}" for size in memory),
    )


def _batches(system: Speed) -> str:
    """The batch size; where several pipelines differ, that of each."""
    sizes = system.batch_sizes if len(set(system.batch_sizes)) > 1 else system.batch_sizes[:1]
    return "+".join(map(str, sizes))


def _large(summary: Summary) -> str:
    return f"{summary.median:,.0f} ({summary.min:,.0f}-{summary.max:,.0f})"


def _small(summary: Summary) -> str:
    return f"{summary.median:.2f} ({summary.min:.2f}-{summary.max:.2f})"


def _ratio(summary: Summary) -> str:
    return f"{summary.median:.3f} ({summary.min:.3f}-{summary.max:.3f})"
