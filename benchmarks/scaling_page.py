"""The tables of docs/scaling.md, from what `benchmarks.scaling` has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from .scaling_model import CORES, GIGABIT, Annotation, Exchange, Training

Found = Mapping[str, Any]
PARTS = {"cnn": 1000, "wide": 100, "minilm": 40}  # documents to a part
TITLES = {"cnn": "CNN", "wide": "wide CNN", "minilm": "MiniLM"}
DOCUMENTS = 10_000_000_000
ACTORS = (10, 100, 1_000, 10_000)
WORKERS = (1, 2, 4, 8, 16, 32, 64, 100)
NETWORK = Exchange(latency=100e-6, bandwidth=10 * GIGABIT)  # between two machines of a cluster
CORE_HOUR = 0.04  # dollars, about what clouds ask
DAY = 86_400
BILLION = "dollars for 1,000,000,000 words"


def middle(runs: Sequence[Found]) -> Found:
    """The run with the median time."""
    return sorted(runs, key=lambda run: run["seconds"])[(len(runs) - 1) // 2]


def annotation(found: Found, kind: str) -> Annotation:
    """The constants of one actor."""
    one = middle(found[f"{kind} annotate 1"])
    beside = max(0.0, one["busy"] - one["seconds"])
    sizes = PARTS[kind], one["words"], one["sent"], one["returned"]
    return Annotation(one["seconds"], found[f"{kind} driver"], beside, *sizes)


def training(found: Found, kind: str, shared: bool = False) -> Training:
    """The constants of one worker. shared: on a machine whose other cores train too."""
    one = middle(found[f"{kind} train 1"])
    size = found[f"{kind} gradients"]
    shares = {int(workers): share for workers, share in found["imbalance"].items()}
    ray = one["busy"] / one["seconds"] - 1 if shared else 0.0
    sizes = size["pack"], size["dense"], size["rows"]
    return Training(one["seconds"], one["words"], *sizes, shares, ray)


def constants(found: Found) -> str:
    """What one worker takes."""
    rows = []
    for kind in PARTS:
        notes, steps = annotation(found, kind), training(found, kind)
        rows.append(
            [
                TITLES[kind],
                f"{notes.words / notes.actor:,.0f}",
                f"{1e3 * notes.actor / notes.documents:.2f}",
                f"{1e3 * notes.driver / notes.documents:.3f}",
                f"{notes.beside / notes.actor:.0%}",
                f"{notes.bytes_of_a_document:,.0f}",
                f"{steps.words / steps.compute:,.0f}",
                f"{steps.compute:.3f}",
                f"{steps.dense / 1e6:.1f}",
                f"{steps.rows / 1e6:.2f}",
            ]
        )
    header = [
        "encoder",
        "annotated words/s",
        "actor, ms a document",
        "driver, ms a document",
        "Ray beside, of a core",
        "bytes a document",
        "trained words/s",
        "step, s",
        "dense gradients, MB",
        "rows, MB",
    ]
    return _markdown(header, rows)


def two(found: Found) -> str:
    """What two take, beside what was predicted before."""
    rows = []
    for kind in PARTS:
        for what in ("annotate", "train"):
            ones, twos = (found[f"{kind} {what} {n}"] for n in (1, 2))
            predicted = found[f"{kind} {what} 2 predicted"]
            more = 1 if what == "annotate" else 2
            one, seconds, gains = _turns(ones, twos, more)
            rows.append(
                [
                    TITLES[kind],
                    what,
                    f"{one:.3f}",
                    f"{predicted:.3f}",
                    f"{seconds:.3f}",
                    f"{seconds / predicted - 1:+.0%}",
                    f"{more * ones[0]['seconds'] / predicted:.2f}",
                    f"{median(gains):.2f} ({min(gains):.2f}–{max(gains):.2f})",
                ]
            )
    unit = "s a part or step"
    header = ["encoder", "what", f"one, {unit}", "two, predicted", "two, measured", "off by"]
    return _markdown([*header, "gain, predicted", "gain, measured"], rows)


def _turns(
    ones: Sequence[Found], twos: Sequence[Found], more: int
) -> tuple[float, float, list[float]]:
    """The medians of one's time and of two's, and the gain of each turn. more: parts or steps of
    one that are in one of two."""
    single = [run["seconds"] for run in ones]
    both = [
        run["seconds"] * more * one["words"] / run["words"]
        for one, run in zip(ones, twos, strict=True)
    ]
    gains = [more * before / after for before, after in zip(single, both, strict=True)]
    return median(single), median(both), gains


def annotating(found: Found) -> str:
    """Ten billion documents, with as many drivers as keep the actors busy."""
    rows = []
    for kind in PARTS:
        notes = annotation(found, kind)
        for actors in ACTORS:
            alone = notes.seconds(actors) / notes.documents
            drivers = max(1, -(-actors // max(1, int(notes.most_actors))))
            shared = notes.seconds(actors, drivers=drivers) / notes.documents
            days = [DOCUMENTS * each / DAY for each in (alone, shared)]
            dollars = DOCUMENTS * shared / 3600 * (actors + drivers) * CORE_HOUR
            rate = notes.bytes_of_a_document / shared / GIGABIT
            rows.append(
                [
                    TITLES[kind],
                    f"{actors:,}",
                    f"{days[0]:,.1f}",
                    f"{drivers:,}",
                    f"{days[1]:,.1f}",
                    f"{rate:,.2f}",
                    f"{dollars:,.0f}",
                ]
            )
    header = ["encoder", "actors", "days, one driver", "drivers", "days", "Gbit/s", "dollars"]
    return _markdown(header, rows)


def training_on(found: Found) -> str:
    """Words a second of many workers, on machines with 10 Gbit/s between them."""
    rows = []
    for kind in PARTS:
        steps = training(found, kind)
        for workers in WORKERS:
            seconds = steps.seconds(workers, NETWORK)
            rate = workers * steps.words / seconds
            dollars = 1e9 / rate / 3600 * workers * CORE_HOUR
            rows.append(
                [
                    TITLES[kind],
                    f"{workers}",
                    f"{workers * steps.words:,.0f}",
                    f"{seconds:.2f}",
                    f"{steps.imbalance.get(workers, 1.0):.2f}",
                    *(f"{part:.3f}" for part in steps.exchange(workers, NETWORK)),
                    f"{rate:,.0f}",
                    f"{steps.efficiency(workers, NETWORK):.0%}",
                    f"{dollars:,.2f}",
                ]
            )
    header = [
        "encoder",
        "workers",
        "words a batch",
        "step, s",
        "largest part",
        "dense, s",
        "rows, s",
    ]
    return _markdown([*header, "words/s", "of each worker", BILLION], rows)


def page(found: Found) -> str:
    """All tables."""
    exchange = found["exchange"]
    sizes = _markdown(
        ["all-reduce by two, MB", *exchange],
        [["ms", *(f"{1e3 * seconds:.1f}" for seconds in exchange.values())]],
    )
    return "\n\n".join(
        [
            f"{CORES} cores",
            constants(found),
            sizes,
            two(found),
            annotating(found),
            training_on(found),
        ]
    )


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
