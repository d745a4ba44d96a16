"""Memory of a process that annotates a stream of texts, with and without `nlp.memory_zone`.

python -m benchmarks.memory --words 10_000_000 --plot memory.png

The texts have words of a fixed vocabulary, by Zipf's law, and some that never came before, as
numbers and identifiers do. spaCy keeps every word that it has seen, unless it is used within a
memory zone: there the words that were new are forgotten at the end of the block, and so each chunk
of documents has a block of its own. As spaCy's tokenizer caches nothing within zones, a first chunk
without one, from which the frequent words stay, makes the others faster. Each stream is a process
of its own, with one thread. Needs Linux, which tells a process how much memory it has.
"""

from __future__ import annotations

import os
import string
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from spacy.language import Language
from typer import Option

from spacy_mtl.speed.inputs import Words

from .many_tasks import save
from .one_thread import in_one_thread
from .synthetic import trained

TASKS = ("tag", "ner", "topic")
VOCABULARY = 50_000
EXPONENT = 1.1  # of Zipf's law
NEW = 0.02  # share of words that never came before
DOCUMENT = 120  # words
SAMPLES = 200  # of memory, over a stream
TRAINING_DOCUMENTS = 1000
ALLOWED = 0.02  # by which the second half's peak may exceed the first half's
STATM = Path("/proc/self/statm")
NEVER = 1 << 60
STREAMS = {  # the first chunk that has a memory zone
    "a memory zone for each chunk": 0,
    "a memory zone for each but the first": 1,
    "no memory zone": NEVER,
}


@dataclass
class Stream:
    """Resident memory in MB after some numbers of words, and the strings that spaCy kept.

    The first sample is before the first text.
    """

    name: str
    words: list[int] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    seconds: float = 0.0
    strings: int = 0

    @property
    def peaks(self) -> tuple[float, float]:
        """The most memory in the first half of the words, and in the second."""
        half = self.words[-1] / 2
        pairs = list(zip(self.words, self.megabytes, strict=True))
        return max(mb for n, mb in pairs if n <= half), max(mb for n, mb in pairs if n > half)


def main(
    words: Annotated[int, Option(help="Words of each stream")] = 10_000_000,
    chunk: Annotated[int, Option(help="Documents in a memory zone")] = 1000,
    steps: Annotated[int, Option(help="Training steps")] = 200,
    plot: Annotated[Path | None, Option(help="Image to draw memory over words into")] = None,
) -> None:
    """Print a Markdown table: the peaks of both halves of each stream."""
    typer.echo(report(words, chunk, steps, plot))


def report(
    words: int = 10_000_000, chunk: int = 1000, steps: int = 200, plot: Path | None = None
) -> str:
    """Measure all streams, draw them if wanted, and give the Markdown."""
    if not STATM.exists():
        raise typer.BadParameter(f"Expected Linux, which has {STATM}, to measure memory.")
    streams = [in_one_thread(measure, name, words, chunk, steps) for name in STREAMS]
    if plot:
        draw(streams, plot)
    return table(streams)


def measure(name: str, n_words: int, chunk: int, steps: int) -> Stream:
    """Train a pipeline and run it over texts of so many words."""
    nlp = _pipeline(steps)
    stream = Stream(name)
    _sample(stream, 0)
    documents = _documents(np.random.default_rng(1), prefix="x")
    words, sampled = 0, 0
    began = time.perf_counter()
    for number in count():
        if words >= n_words:
            break
        texts = [" ".join(words) for words in islice(documents, chunk)]
        with nlp.memory_zone() if number >= STREAMS[name] else nullcontext():
            for doc in nlp.pipe(texts):
                words += len(doc)
                if words - sampled >= n_words / SAMPLES:
                    sampled = words
                    _sample(stream, words)
            del doc  # it must not be used any more behind the zone
    stream.seconds = time.perf_counter() - began
    _sample(stream, words)
    stream.strings = len(nlp.vocab.strings)
    return stream


def _pipeline(steps: int) -> Language:
    documents = islice(_documents(np.random.default_rng(0), prefix="y"), TRAINING_DOCUMENTS)
    examples: list[Words] = [(words, [True] * len(words)) for words in documents]
    return trained(examples, TASKS, steps)


def _sample(stream: Stream, words: int) -> None:
    pages = int(STATM.read_text().split()[1])
    stream.words.append(words)
    stream.megabytes.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


def _documents(rng: np.random.Generator, prefix: str) -> Iterator[list[str]]:
    """Endless documents; `prefix` keeps the new words of two streams apart."""
    known = _vocabulary()
    chances = 1 / np.arange(1, VOCABULARY + 1) ** EXPONENT
    chances /= chances.sum()
    n_new = 0
    while True:
        places = rng.choice(VOCABULARY, size=1000 * DOCUMENT, p=chances)
        is_new = rng.random(len(places)) < NEW
        numbers = (n_new + np.cumsum(is_new)).tolist()
        n_new += int(is_new.sum())
        words = [
            f"{prefix}{number:07}" if new else known[place]
            for place, new, number in zip(places.tolist(), is_new.tolist(), numbers, strict=True)
        ]
        for start in range(0, len(words), DOCUMENT):
            yield words[start : start + DOCUMENT]


def _vocabulary() -> list[str]:
    """Different words of 2 to 9 letters, the frequent ones not longer than 4."""
    rng = np.random.default_rng(0)
    letters = np.asarray(list(string.ascii_lowercase))
    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        longest = 5 if len(words) < 200 else 10
        drawn = rng.choice(letters, size=int(rng.integers(2, longest)))
        words["".join(drawn)] = None
    return list(words)


def table(streams: Sequence[Stream]) -> str:
    """Markdown: a row for each stream, and whether memory stays where it is within zones."""
    lines = [
        "| | words | before, MB | peak 1st half, MB | peak 2nd half, MB | change | strings kept "
        "| words/s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for stream in streams:
        first, second = stream.peaks
        lines.append(
            f"| {stream.name} | {stream.words[-1]:,} | {stream.megabytes[0]:.0f} "
            f"| {first:.1f} | {second:.1f} | {second / first - 1:+.1%} "
            f"| {stream.strings:,} | {stream.words[-1] / stream.seconds:,.0f} |"
        )
    growing = [s.name for s in streams if s.peaks[1] > s.peaks[0] * (1 + ALLOWED)]
    listed = "; ".join(growing) or "none"
    lines += ["", f"More than {ALLOWED:.0%} above the first half's peak in the second: {listed}."]
    return "\n".join(lines)


def draw(streams: Iterable[Stream], path: Path) -> None:
    """A line for each stream: memory over words."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for stream, color in zip(streams, ("#4878a8", "#6aa84f", "#e0a03c"), strict=True):
        millions = [n / 1e6 for n in stream.words]
        axes.plot(millions, stream.megabytes, label=stream.name, color=color)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("million words")
    axes.set_ylabel("resident memory of the process, MB")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd")
    axes.legend(frameon=False)
    save(figure.savefig, path)


if __name__ == "__main__":
    typer.run(main)
