"""How fast trained pipelines are, how much memory they take, and both relative to each other."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy
from tqdm import tqdm

from ..errors import MTLError
from .inputs import Pipeline, Words, parse_system, read_words
from .worker import Worker


@dataclass(frozen=True)
class Throughput:
    """Documents and words that went through, and the seconds that it took."""

    documents: int
    words: int
    seconds: float


@dataclass(frozen=True)
class Round:
    """What one round of one system yielded.

    docs: From tokenized Docs. text: From raw text, with the words as the (first) pipeline's
    tokenizer makes them. latencies_ms: Of each document alone, from raw text.
    """

    docs: Throughput
    text: Throughput
    latencies_ms: list[float]


@dataclass(frozen=True)
class Summary:
    """The median of some rounds' figures, and the least and the greatest of them."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        return cls(statistics.median(values), min(values), max(values))


# What a round tells, by name.
THROUGHPUTS: dict[str, Callable[[Round], float]] = {
    "words_per_second_docs": lambda one: one.docs.words / one.docs.seconds,
    "words_per_second_text": lambda one: one.text.words / one.text.seconds,
    "documents_per_second_docs": lambda one: one.docs.documents / one.docs.seconds,
    "documents_per_second_text": lambda one: one.text.documents / one.text.seconds,
}
LATENCIES: dict[str, Callable[[Round], float]] = {
    "latency_ms_median": lambda one: statistics.median(one.latencies_ms),
    "latency_ms_p99": lambda one: float(numpy.percentile(one.latencies_ms, 99)),
}
FIGURES = {**THROUGHPUTS, **LATENCIES}


@dataclass(frozen=True)
class Speed:
    """What was measured of one system: one pipeline, or several that run one after the other.

    components, batch_sizes: Of each pipeline; batch sizes in documents.
    load_seconds: Of `spacy.load`, in a new process that has imported spaCy, not yet its plugins.
    disk_mb: All files of the pipelines, in MB.
    memory_loaded_mb, memory_peak_mb: Peak memory of the process after loading, and in all, in MB;
        None where the system does not tell.
    rounds: In the order in which they were measured.
    """

    name: str
    pipelines: list[Pipeline]
    components: list[list[str]]
    batch_sizes: list[int]
    load_seconds: float
    disk_mb: float
    memory_loaded_mb: float | None
    memory_peak_mb: float | None
    rounds: list[Round]

    def summary(self, figure: str) -> Summary:
        """A figure (one of `FIGURES`) over the rounds."""
        return Summary.of([FIGURES[figure](one) for one in self.rounds])

    def ratio(self, figure: str, base: Speed) -> Summary:
        """A figure relative to another system's in the same round, over the rounds."""
        of = FIGURES[figure]
        pairs = zip(self.rounds, base.rounds, strict=True)
        return Summary.of([of(one) / of(other) for one, other in pairs])


@dataclass(frozen=True)
class Settings:
    """How to measure.

    batch_size: In documents, by default each pipeline's own.
    threads: Of linear algebra.
    rounds, warmup: Rounds that count, and before them such as do not.
    limit: Read only the first documents of the data.
    min_words: The documents are repeated until a round has at least so many words.
    latency_words: For latency, cut each document to its first words.
    gpu_id: The accelerator, -1 for the CPU.
    RAISES (MTLError): If a number is too small.
    """

    batch_size: int | None = None
    threads: int = 1
    rounds: int = 5
    warmup: int = 1
    limit: int | None = None
    min_words: int = 20_000
    latency_words: int | None = None
    gpu_id: int = -1

    def __post_init__(self) -> None:
        least = {"warmup": 0, "min_words": 0, "gpu_id": -1}
        for name, value in asdict(self).items():
            if value is not None and value < least.get(name, 1):
                raise MTLError(f"Expected {least.get(name, 1)} or more as {name}, got {value}.")


@dataclass(frozen=True)
class Data:
    """What all systems were given.

    name: Of the file. documents, words: In it. repeats: How often a round goes through them.
    latency_documents: How many of them a round goes through one at a time.
    """

    name: str
    documents: int
    words: int
    repeats: int
    latency_documents: int


@dataclass(frozen=True)
class Report:
    """What was measured, with what, of which systems (the first is what ratios relate to)."""

    settings: Settings
    data: Data
    environment: dict[str, Any]
    systems: list[Speed]

    def to_json(self) -> str:
        """Everything, with all rounds and what follows from them."""
        base = self.systems[0]
        systems = [
            {
                **asdict(system),
                "figures": {name: asdict(system.summary(name)) for name in FIGURES},
                "ratios": {name: asdict(system.ratio(name, base)) for name in FIGURES},
            }
            for system in self.systems
        ]
        return json.dumps({**asdict(self), "systems": systems}, indent=1, ensure_ascii=False)


def measure(
    models: Sequence[str],
    data: str | Path,
    *,
    settings: Settings | None = None,
    names: Sequence[str] = (),
    code: Path | None = None,
    progress: bool = False,
) -> Report:
    """Measure each system in a process of its own, in turns, never two at the same time.

    models: Paths or package names; see `parse_system` for what else may stand there.
    data: A .spacy file or a folder of them, or a file in any format that `read_docs` reads; its
        annotation is not used.
    names: What to call the systems, by default as in `models`.
    code: A Python file with registered functions, imported in each process before it loads.
    progress: Whether to show a progress bar, if stderr is a terminal.
    RAISES (MTLError): If an argument is wrong, a model cannot be loaded or fails, or the data
        has no words.
    """
    settings = settings or Settings()
    names = names or models
    if not models or len(names) != len(models):
        raise MTLError(f"Expected models and as many names, got {len(models)} and {len(names)}.")
    systems = [parse_system(model) for model in models]
    with ExitStack() as stack:
        workers, loaded = [], []
        for name, system in zip(names, systems, strict=True):
            # One is loaded before the next is started, which would cost the first time.
            workers.append(stack.enter_context(Worker(name, settings.threads)))
            loaded.append(_load(workers[-1], system, settings, code))
        documents = read_words(Path(data), loaded[0]["lang"], settings.limit)
        given = _prepare(workers, Path(data).name, documents, settings)
        measured = _measure_rounds(workers, settings, progress)
    speeds = list(map(_to_speed, names, systems, loaded, measured))
    return Report(settings, given, loaded[0]["environment"], speeds)


def _load(
    worker: Worker, system: list[Pipeline], settings: Settings, code: Path | None
) -> dict[str, Any]:
    loaded: dict[str, Any] = worker.ask(
        "load",
        pipelines=[asdict(pipeline) for pipeline in system],
        batch_size=settings.batch_size,
        threads=settings.threads,
        gpu_id=settings.gpu_id,
        code=None if code is None else str(code),
    )
    return loaded


def _prepare(
    workers: Sequence[Worker], name: str, documents: list[Words], settings: Settings
) -> Data:
    n_words = sum(len(words) for words, _ in documents)
    repeats = max(1, math.ceil(settings.min_words / n_words))
    round_of = {"documents": documents, "repeats": repeats, "latency_words": settings.latency_words}
    latency_documents = [worker.ask("prepare", **round_of) for worker in workers]
    return Data(name, len(documents), n_words, repeats, latency_documents[0])


def _measure_rounds(
    workers: Sequence[Worker], settings: Settings, progress: bool
) -> list[list[dict[str, Any]]]:
    """Each worker's rounds without those of warmup."""
    measured: list[list[dict[str, Any]]] = [[] for _ in workers]
    order = list(turns(len(workers), settings.warmup + settings.rounds))
    for number, turn in tqdm(order, desc="Measuring", disable=None if progress else True):
        answer = workers[turn].ask("measure")
        if number >= settings.warmup:
            measured[turn].append(answer)
    return measured


def turns(n_systems: int, n_rounds: int) -> Iterator[tuple[int, int]]:
    """Rounds, and whose turn it is: each system's once a round, in an order that rotates."""
    for number in range(n_rounds):
        for place in range(n_systems):
            yield number, (number + place) % n_systems


def _to_speed(
    name: str, system: list[Pipeline], loaded: dict[str, Any], measured: list[dict[str, Any]]
) -> Speed:
    fields = ("components", "batch_sizes", "load_seconds", "disk_mb", "memory_loaded_mb")
    return Speed(
        name=name,
        pipelines=system,
        memory_peak_mb=measured[-1]["memory_peak_mb"],
        rounds=[
            Round(Throughput(**one["docs"]), Throughput(**one["text"]), one["latencies_ms"])
            for one in measured
        ],
        **{field: loaded[field] for field in fields},
    )
