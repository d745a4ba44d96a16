"""The sections about what the pipelines take, and how all this was found."""

from __future__ import annotations

from collections.abc import Callable

from ..comparison.costs import Cost, cost, joint_and_single
from ..comparison.results import Results
from ..wording import counted, megabytes, seconds
from .charts import bars
from .content import Cell, Chart, Section, Table, row


def cost_section(results: Results) -> Section:
    """Speed, size and time of training."""
    together, alone = joint_and_single(results, results.joint[0], results.full)
    n = len(results.single)
    intro = [
        f"One joint pipeline beside the {n} single-task pipelines that it takes the place of, "
        "which go through a text one after the other. Words per second are of prediction on the "
        "test documents, on the machine and CPU threads of the comparison; runs at the same time "
        "make each other slower.",
        *([results.needing] if results.needing else []),
    ]
    systems = [*results.single.values(), *results.joint]
    rows = [_row(results.title(name), cost([results.full.systems[name]])) for name in systems]
    rows.insert(n, _row(f"all {n} single ones", alone))
    header = ["Pipeline", "Words per second", "Size", "Training"]
    table = Table("Means over the seeds", header, rows)
    return Section("cost", "Speed and size", intro, [_chart(together, alone, n)], [table])


def method_section(results: Results) -> Section:
    """What was compared with what, on which data, and by which command."""
    full = results.full
    intro = [
        f"Every system has the same encoder, data and number of steps ({full.steps:,}), and is "
        f"trained with {counted(len(full.seeds), 'seed')}; its best checkpoint is chosen on the "
        f"dev data, and scored on {counted(results.test_docs, 'test document')} "
        f"({results.test}). Intervals and tests come from {results.samples:,} resamples of test "
        "documents and seeds, the same for both systems."
    ]
    corpora = list(dict.fromkeys(c for info in results.tasks.values() for c in info.coverage))
    rows = []
    for task, info in results.tasks.items():
        units = (info.coverage.get(corpus, {}).get("units", 0) for corpus in corpora)
        rows.append(row(task, info.writes, *(f"{n:,}" if n else "none" for n in units)))
    data = Table("Labelled units of each task", ["Task", "Writes", *corpora], rows, n_text=2)
    made = [row("Config", results.config), row("Command", results.command)]
    made += [row(name, version) for name, version in results.packages.items()]
    how = Table("Made with", ["What", "Value"], made, n_text=2)
    return Section("method", "How this was measured", intro, tables=[data, how])


def _row(name: str, found: Cost) -> list[Cell]:
    return row(
        name,
        f"{found.words_per_second:,.0f}",
        megabytes(found.bytes),
        seconds(found.train_seconds),
    )


def _chart(together: Cost, alone: Cost, n: int) -> Chart:
    names = ("together", f"{n} pipelines")
    pair = (together, alone)
    groups = [
        ("words per second", [_bar(c.words_per_second, _whole) for c in pair]),
        ("size", [_bar(c.bytes, megabytes) for c in pair]),
        ("training", [_bar(c.train_seconds, seconds) for c in pair]),
    ]
    drawn = [
        (title, [(name, *bar) for name, bar in zip(names, both, strict=True)])
        for title, both in groups
    ]
    said = "; ".join(f"{title} {a[1]} against {b[1]}" for title, (a, b) in groups)
    name = "figure-cost"
    return Chart(
        name,
        f"One pipeline or {n}",
        f"One joint pipeline against {n} single ones: {said}.",
        bars(name, drawn),
        Table(
            "One pipeline against all single ones",
            ["", *names],
            [row(title, a[1], b[1]) for title, (a, b) in groups],
        ),
    )


def _bar(value: float, text: Callable[[float], str]) -> tuple[float, str]:
    return float(value), text(value)


def _whole(value: float) -> str:
    return f"{value:,.0f}"
