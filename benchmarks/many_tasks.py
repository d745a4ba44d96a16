"""Prediction time as tasks are added to one encoder, from one to ten.

python -m benchmarks.many_tasks --data DIR --plot many-tasks.png

One pipeline with all tasks is trained once, see `benchmarks.synthetic`, on the words of gum's
training documents; with fewer tasks it is the same one with the first of them active. All numbers
of tasks take turns within a round, forwards in one and backwards in the next, so that what else
happens on the machine hits neighbours alike. Over tokenized Docs of gum's test documents, with one
thread, in CPU time, which is the elapsed time as long as nobody else needs the processor.
"""

from __future__ import annotations

import gc
import io
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from spacy.language import Language
from typer import Option

from spacy_mtl.files import write_whole
from spacy_mtl.models.encoders.backends import PRECISIONS
from spacy_mtl.speed.inputs import Words, read_words

from .corpora import prepare
from .one_thread import in_one_thread
from .quality import DEFAULT_CACHE
from .synthetic import TASKS, blank, in_precision, trained

LIMIT = 0.05  # of the time, that another task may add


@dataclass(frozen=True)
class Point:
    """Rounds with some number of tasks.

    task: what was added last. microseconds: per word, one for each round.
    """

    precision: str
    tasks: int
    task: str
    microseconds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.microseconds)

    @property
    def whiskers(self) -> tuple[float, float]:
        """How far the fastest round is below the median, and the slowest above it."""
        return self.median - min(self.microseconds), max(self.microseconds) - self.median

    def increase(self, fewer: Point) -> tuple[float, float]:
        """The time relative to that with `fewer` tasks in the same round, less 1: the median over
        rounds, and half the range between their quartiles."""
        pairs = zip(self.microseconds, fewer.microseconds, strict=True)
        ratios = [mine / other - 1 for mine, other in pairs]
        low, middle, high = statistics.quantiles(ratios, n=4)
        return middle, (high - low) / 2


def main(
    data: Annotated[Path, Option(help="Folder with gum/")],
    cache: Annotated[Path, Option(help="Where converted corpora are kept")] = DEFAULT_CACHE,
    steps: Annotated[int, Option(help="Training steps")] = 300,
    rounds: Annotated[int, Option(help="Rounds that count")] = 15,
    plot: Annotated[Path | None, Option(help="Image to draw the curve into")] = None,
    to_json: Annotated[Path | None, Option("--json", help="File for all rounds")] = None,
) -> None:
    """Print a Markdown table: microseconds per word, and what each task adds."""
    typer.echo(report(data, cache, steps, rounds, plot, to_json))


def report(
    data: Path,
    cache: Path = DEFAULT_CACHE,
    steps: int = 300,
    rounds: int = 15,
    plot: Path | None = None,
    to_json: Path | None = None,
) -> str:
    """Measure, write the files that are wanted, and give the Markdown."""
    corpus = prepare(data, cache, "gum")
    points: list[Point] = in_one_thread(measure, corpus.train["tag"], corpus.test, steps, rounds)
    if to_json:
        write_whole(to_json, json.dumps([asdict(p) for p in points], indent=1).encode())
    if plot:
        draw(points, plot)
    return table(points)


def measure(train: Path, test: Path, steps: int, rounds: int) -> list[Point]:
    """Train on the words of `train`, and time rounds over those of `test`."""
    whole = trained(read_words(train, "en", None), list(TASKS), steps)
    documents = read_words(test, "en", None)
    pipelines = {precision: in_precision(whole, precision) for precision in PRECISIONS}
    settings = [(p, n) for n in range(1, len(TASKS) + 1) for p in PRECISIONS]
    seconds: dict[tuple[str, int], list[float]] = {setting: [] for setting in settings}
    for number in range(rounds + 1):
        for precision, n in settings if number % 2 else reversed(settings):
            taken = _time(pipelines[precision], n, documents)
            if number:  # the first one warms up
                seconds[precision, n].append(taken)
    words = sum(len(each) for each, _ in documents)
    names = list(TASKS.values())
    return [
        Point(precision, n, names[n - 1].what, [1e6 * each / words for each in taken])
        for (precision, n), taken in seconds.items()
    ]


def _time(nlp: Language, n: int, documents: Sequence[Words]) -> float:
    """CPU seconds with the first n tasks."""
    component: Any = nlp.get_pipe("multitask")
    component.active_tasks = list(TASKS)[:n]
    docs = [blank(nlp.vocab, words) for words in documents]
    gc.collect()
    began = time.process_time()
    for _ in nlp.pipe(docs):
        pass
    return time.process_time() - began


def table(points: Sequence[Point]) -> str:
    """Markdown: a row for each number of tasks and precision, and the steps beyond `LIMIT`."""
    lines = [
        "| tasks | added | precision | µs per word (median) | min–max | words/s | increase |",
        "|---|---|---|---|---|---|---|",
    ]
    beyond = []
    for precision in PRECISIONS:
        fewer: Point | None = None
        for point in (p for p in points if p.precision == precision):
            increase = ""
            if fewer:
                middle, spread = point.increase(fewer)
                increase = f"{middle:+.1%} ± {spread:.1%}"
                if middle >= LIMIT:
                    beyond.append(f"{point.tasks} ({point.task}, {precision}, {middle:+.1%})")
            lines.append(
                f"| {point.tasks} | {point.task} | {precision} | {point.median:.2f} "
                f"| {min(point.microseconds):.2f}–{max(point.microseconds):.2f} "
                f"| {1e6 / point.median:,.0f} | {increase} |"
            )
            fewer = point
    lines += ["", f"Steps that add {LIMIT:.0%} or more: {', '.join(beyond) or 'none'}."]
    return "\n".join(lines)


def draw(points: Sequence[Point], path: Path) -> None:
    """A line for each precision, with whiskers from the fastest to the slowest round."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for precision, color in zip(PRECISIONS, ("#4878a8", "#e0a03c"), strict=True):
        own = [p for p in points if p.precision == precision]
        whiskers = list(zip(*(p.whiskers for p in own), strict=True))
        places, medians = [p.tasks for p in own], [p.median for p in own]
        axes.errorbar(
            places, medians, yerr=whiskers, label=precision, color=color, marker="o", capsize=3
        )
    axes.set_xticks(sorted({p.tasks for p in points}))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("tasks on one encoder")
    axes.set_ylabel("µs per word, median; whiskers: all rounds")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd")
    axes.legend(frameon=False)
    save(figure.savefig, path)


def save(savefig: Callable[..., None], path: Path) -> None:
    """Write a figure in the format that the file's suffix names, whole or not at all."""
    image = io.BytesIO()
    savefig(image, format=path.suffix.lower().lstrip(".") or "png", dpi=150)
    write_whole(path, image.getvalue())


if __name__ == "__main__":
    typer.run(main)
