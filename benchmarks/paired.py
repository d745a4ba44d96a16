"""Is one version of the package slower than another? Both in turns, on one machine.

git worktree add --detach ../before COMMIT
python -m benchmarks.paired ../before . --output paired.json

Each version has a process that stays: it loads the same pipeline, saved by the first version, and
begins a training with the same config, data and seed (with --own, of what its own `init-config`
writes). After a warm-up that does not count they take turns (A B, B A, ...): predict all documents,
annotate short ones one by one (latency), then go some steps further in the training. As where
a process lies in memory makes it faster or slower by a percent or two, each version has a few
processes, one after the other, with a part of the pairs each.

A ratio is the seconds before over the seconds after, of one pair: below 1 is slower. The interval
of the median is the exact one of order statistics: it assumes nothing of how the ratios spread.
Where other work disturbs the machine, the processor's time (cpu) is to be trusted more.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from contextlib import ExitStack
from math import comb
from pathlib import Path
from statistics import median
from subprocess import PIPE, Popen
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from tqdm import tqdm
from typer import Option

from spacy_mtl.files import write_whole
from spacy_mtl.speed.worker import environment

from .checkouts import DEMO, After, Before, Checkout, Data, prepare

TASKS = ("predict", "latency", "train")
CLOCKS = ("elapsed", "cpu")
WORKER = Path(__file__).with_name("paired_worker.py")
LEVEL = 0.95
LEAST = 6  # pairs, for an interval of 95 %

Seconds = dict[str, dict[str, list[float]]]  # by task and clock


class Ratio(NamedTuple):
    """A median and its interval, of which `level` is the exact coverage."""

    median: float
    low: float
    high: float
    level: float


class Worker:
    """The process of one version; a context manager that ends it."""

    def __init__(self, side: Checkout, settings: dict[str, Any], threads: int) -> None:
        script = side.scratch / f"{side.name}_worker.py"  # beside no module but its own
        shutil.copy(WORKER, script)
        self._name = side.name
        self._process = Popen(
            [sys.executable, str(script), json.dumps(settings)],
            cwd=side.scratch,
            env=side.environment(threads),
            stdin=PIPE,
            stdout=PIPE,
            encoding="utf8",
        )

    def __enter__(self) -> Worker:
        self._answer()  # when it is warm
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def measure(self, task: str) -> dict[str, float]:
        """Have the task done once: the seconds by each clock."""
        assert self._process.stdin is not None
        print(task, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            typer.echo(f"The process of the version {self._name} has ended.", err=True)
            raise typer.Exit(1)
        answer: dict[str, float] = json.loads(line)
        return answer


def main(
    before: Before,
    after: After,
    data: Data = DEMO,
    pairs: Annotated[int, Option(min=LEAST, help="Alternations of each task")] = 21,
    processes: Annotated[int, Option(min=1, help="Of each version, among which they are")] = 3,
    words: Annotated[int, Option(min=1, help="To predict in one, at least")] = 20_000,
    steps: Annotated[int, Option(min=1, help="Of training in one")] = 8,
    warmup: Annotated[int, Option(min=1, help="Of each task in each process")] = 3,
    trained: Annotated[int, Option(min=1, help="Steps of training of what predicts")] = 100,
    threads: Annotated[int, Option(min=1, help="Of linear algebra")] = 1,
    seed: Annotated[int, Option(help="Of the trainings")] = 0,
    own: Annotated[
        bool, Option("--own", help="Each version has the config that its `init-config` writes")
    ] = False,
    output: Annotated[
        Path | None, Option("--output", "-o", help="JSON file of all seconds")
    ] = None,
) -> None:
    """Print a Markdown table: how many times as fast the second version is."""
    work = {"words": words, "steps": steps, "warmup": warmup, "seed": seed}
    with tempfile.TemporaryDirectory() as name:
        sides = [
            Checkout(side, folder, Path(name, side if own else "both"))
            for side, folder in (("before", before), ("after", after))
        ]
        parts = [len(part) for part in np.array_split(range(pairs), processes)]
        given = [_trained(side, data, trained) for side in sides[: 2 if own else 1]]
        seconds = _measured(sides, [{**given[0], **work}, {**given[-1], **work}], parts, threads)
    ratios = {
        task: {clock: ratio(*(side[task][clock] for side in seconds)) for clock in CLOCKS}
        for task in TASKS
    }
    typer.echo(_table(seconds, ratios))
    if output is not None:
        settings = {**work, "pairs": parts, "threads": threads, "trained": trained}
        document = {
            "ratios": {t: {c: r._asdict() for c, r in of.items()} for t, of in ratios.items()},
            "seconds": dict(zip(("before", "after"), seconds, strict=True)),
            "settings": settings,
            "environment": environment(),
        }
        write_whole(output, f"{json.dumps(document, indent=1)}\n".encode())


def _trained(side: Checkout, data: Path, steps: int) -> dict[str, str]:
    """The places of config and corpus, and of a pipeline that this version has trained."""
    config = prepare(side, data)
    limits = ("--training.max_steps", str(steps), "--training.eval_frequency", str(steps))
    side.spacy("train", config, "--output", "training", *limits)
    model = side.scratch / "training" / "model-last"
    return {"config": str(config), "corpus": str(config.parent / "corpus"), "model": str(model)}


def _measured(
    sides: list[Checkout], settings: list[dict[str, Any]], parts: list[int], threads: int
) -> list[Seconds]:
    """The seconds of each version, pair by pair; with new processes for each part of the pairs.

    settings: of each version's worker.
    """
    seconds: list[Seconds] = [{task: {c: [] for c in CLOCKS} for task in TASKS} for _ in sides]
    bar = tqdm(total=sum(parts), desc="Pairs", disable=None)
    for number, n_pairs in enumerate(parts):
        with ExitStack() as stack:
            workers = [
                stack.enter_context(Worker(side, given, threads))
                for side, given in zip(sides, settings, strict=True)
            ]
            turns = [*zip(workers, seconds, strict=True)]
            for pair in range(number, number + n_pairs):
                for task in TASKS:
                    for worker, noted in turns[:: -1 if pair % 2 else 1]:
                        for clock, value in worker.measure(task).items():
                            noted[task][clock].append(value)
                bar.update()
    return seconds


def ratio(before: list[float], after: list[float]) -> Ratio:
    """The median of before / after over the pairs, with its interval."""
    ratios = sorted(a / b for a, b in zip(before, after, strict=True))
    left_out, level = order_statistics(len(ratios))
    return Ratio(median(ratios), ratios[left_out], ratios[-1 - left_out], level)


def order_statistics(n: int, level: float = LEVEL) -> tuple[int, float]:
    """How many of n values to leave out at each end, so that the others' range has the median of
    what they are drawn from with at least this probability; and that probability.

    It is outside if all but so many are on one side of it, each by a fair coin.

    RAISES (ValueError): If there are too few values.
    """
    outside = 2 / 2**n
    if outside > 1 - level:
        raise ValueError(f"Expected more values for an interval of {level:.0%}, got {n}.")
    left_out = 0
    while (more := outside + 2 * comb(n, left_out + 1) / 2**n) <= 1 - level:
        outside, left_out = more, left_out + 1
    return left_out, 1 - outside


def _table(seconds: list[Seconds], ratios: dict[str, dict[str, Ratio]]) -> str:
    level = ratios[TASKS[0]][CLOCKS[0]].level
    lines = [
        f"| | clock | before, s | after, s | times as fast | interval of {level:.1%} |",
        "|---" * 6 + "|",
    ]
    for task in TASKS:
        for clock in CLOCKS:
            found = ratios[task][clock]
            before, after = (f"{median(side[task][clock]):.3f}" for side in seconds)
            lines.append(
                f"| {task} | {clock} | {before} | {after} | {found.median:.3f} "
                f"| {found.low:.3f} to {found.high:.3f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
