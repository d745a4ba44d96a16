"""`spacy mtl annotate` over millions of words, killed at random moments: lost, repeated, grown?

python -m benchmarks.annotate --model training/model-best --words 10_000_000 --kills 10

The input is generated: texts of every kind, with words that never came before in them all along.
One run goes through undisturbed, and its resident memory is watched: the median is told while the
second and while the last tenth of the words are done. Another is killed with SIGKILL at random
moments and goes on with --resume, until it has been killed so often, and then to its end. Both
outputs, and the files of failed documents, must be the same, byte for byte; each document of the
input must be in one of the two, in order and once; and the annotation of some must be what
`nlp.pipe` gives. Ends with exit code 1 if not, or if memory grows by more than the bound. With one
thread for each process. Needs Linux, and room for the outputs: about 30 bytes a word for each.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import spacy
import typer
from typer import Option

from .mixed_texts import MixedTexts
from .one_thread import THREAD_VARIABLES, in_one_thread
from .soak import resident_megabytes

COMPARED = 200  # documents whose annotation is compared with that of nlp.pipe
LONGEST = 5_000  # words of a text, so that parts are alike
CLOSE = 1e-4  # which scores must be, as other batches are added up in another order
WAIT = 0.2  # seconds between two looks at a process
FAILING = 1000  # of so many lines the first is no JSON


@dataclass
class Watched:
    """A run of the command.

    documents, words: that were annotated.
    samples: words that are done, as its journal says, and resident MB of all its processes.
    """

    seconds: float = 0.0
    documents: int = 0
    words: int = 0
    samples: list[tuple[int, float]] = field(default_factory=list)
    killed: bool = False

    def megabytes(self, tenth: int) -> float:
        """The median while this tenth of the words was done, from 0."""
        found = [mb for done, mb in self.samples if min(9, 10 * done // self.words) == tenth]
        return median(found) if found else float("nan")


@dataclass(frozen=True)
class Command:
    """The command line, but for the output, and where it works."""

    model: str
    source: Path
    processes: int
    tokens: bool

    def start(self, output: Path) -> subprocess.Popen[bytes]:
        """Begin or go on."""
        options = ["--resume", "--processes", str(self.processes)]
        options += [] if self.tokens else ["--no-tokens"]
        spacy_mtl = [sys.executable, "-m", "spacy", "mtl", "annotate"]
        return subprocess.Popen(
            [*spacy_mtl, self.model, str(self.source), str(output), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")},
        )


def main(
    model: Annotated[str, Option(help="A trained pipeline: its folder or package name")],
    words: Annotated[int, Option(help="Words of the input, at least")] = 10_000_000,
    kills: Annotated[
        int, Option(help="How often the second run is killed; 0 for no such run")
    ] = 10,
    processes: Annotated[int, Option(help="Processes that annotate")] = 1,
    tokens: Annotated[bool, Option(help="Whether to write the tokens")] = True,
    bound: Annotated[float, Option(help="MB by which memory may grow behind the 2nd tenth")] = 30.0,
    seed: Annotated[int, Option(help="Of the texts and the moments")] = 0,
) -> None:
    """Print a Markdown row, and what is not as it should be."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        command = Command(model, folder / "input.jsonl", processes, tokens)
        n_lines = write_input(command.source, words, seed)
        whole, killed = folder / "whole.jsonl", folder / "killed.jsonl"
        run = watch(command, whole)
        faults, n_kills = incomplete(command.source, whole), 0
        if kills:
            n_kills = run_and_kill(command, killed, kills, run.seconds, random.Random(seed))
            faults += differences(whole, killed)
        faults += in_one_thread(wrong, model, whole, max(1, n_lines // COMPARED))
        size = whole.stat().st_size / 1e9
    early, late = run.megabytes(1), run.megabytes(9)
    if not late <= early + bound:
        faults.append(f"memory grew from {early:.0f} to {late:.0f} MB")
    typer.echo(
        "| words | annotated | failed | processes | kills | words/s | MB, 2nd tenth "
        "| MB, last tenth | most MB | output, GB |\n|---|---|---|---|---|---|---|---|---|---|\n"
        f"| {run.words:,} | {run.documents:,} | {n_lines - run.documents:,} | {processes} "
        f"| {n_kills} | {run.words / run.seconds:,.0f} "
        f"| {early:.0f} | {late:.0f} | {max(mb for _, mb in run.samples):.0f} | {size:.1f} |"
    )
    typer.echo(f"\nFaults: {'; '.join(faults) or 'none'}.")
    if faults:
        raise typer.Exit(1)


def write_input(path: Path, words: int, seed: int) -> int:
    """Numbered texts with so many words between spaces, and lines that are no JSON; the lines."""
    texts, n_words, n_lines = MixedTexts(seed, LONGEST), 0, 0
    with path.open("w", encoding="utf-8") as file:
        while n_words < words:
            n_lines += 1
            text = next(texts).replace("\0", " ")
            line = json.dumps({"id": n_lines, "text": text}, ensure_ascii=n_lines % 2 == 0)
            file.write((line if n_lines % FAILING != 1 else "no JSON") + "\n")
            n_words += text.count(" ") + 1
    return n_lines


def watch(command: Command, output: Path, until: float = float("inf")) -> Watched:
    """Run the command to its end, or kill it some seconds after it has done its first part."""
    run = Watched()
    journal = output.with_name(f"{output.name}.partial") / "journal.json"
    before = words_done(journal)
    began, kill_at = time.monotonic(), float("inf")
    process = command.start(output)
    while process.poll() is None:
        now, words = time.monotonic(), words_done(journal)
        if now >= kill_at:
            process.kill()
            run.killed = process.wait() == -signal.SIGKILL
            return run
        if words > before:
            kill_at = min(kill_at, now + until)
            run.samples += sampled(process.pid, words)
        time.sleep(max(0.0, min(WAIT, kill_at - time.monotonic())))
    run.seconds = time.monotonic() - began
    if process.returncode not in (0, 3):
        raise RuntimeError(f"Expected exit code 0 or 3, got {process.returncode}.")
    printed = process.communicate()[0].decode().replace(",", "")
    run.documents, run.words = map(int, re.findall(r": (\d+) documents (\d+) words", printed)[0])
    return run


def run_and_kill(
    command: Command, output: Path, kills: int, seconds: float, moments: random.Random
) -> int:
    """Kill and go on, then let it come to its end; how often it was killed.

    seconds: what a run takes; the kills are spread over most of that.
    """
    n_killed = 0
    while n_killed < kills and not output.exists():
        n_killed += watch(command, output, moments.uniform(0, 1.5 * seconds / kills)).killed
    if not output.exists():
        watch(command, output)
    return n_killed


def sampled(process: int, words: int) -> list[tuple[int, float]]:
    """The words with the memory of a process and of those that it started, unless it has ended."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        megabytes = [resident_megabytes(one) for one in (str(process), *children)]
        return [(words, sum(megabytes))]
    except (OSError, IndexError):
        return []


def words_done(journal: Path) -> int:
    """As the journal of an unfinished run says; 0 if there is none."""
    try:
        return json.loads(journal.read_text(encoding="utf-8"))["progress"]["words"]
    except OSError:
        return 0


def differences(whole: Path, killed: Path) -> list[str]:
    """In which files the two runs differ."""
    pairs = [(whole, killed), (errors_of(whole), errors_of(killed))]
    return [f"{two.name} is another" for one, two in pairs if not same(one, two)]


def same(one: Path, two: Path) -> bool:
    """Whether two files have the same lines."""
    with one.open("rb") as first, two.open("rb") as second:
        return all(a == b for a, b in zip_longest(first, second))


def incomplete(source: Path, output: Path) -> list[str]:
    """Whether a document is missing, twice there, or not in its place."""
    failed = {row["line"] for row in read(errors_of(output))}
    found = ((row["id"], row["text"]) for row in read(output))
    lines = source.open(encoding="utf-8")
    with lines:
        rows = (json.loads(line) for n, line in enumerate(lines, start=1) if n not in failed)
        expected = ((row["id"], row["text"]) for row in rows)
        for n, (one, other) in enumerate(zip_longest(expected, found), start=1):
            if one != other:
                return [f"document {n} of the output is not that of the input"]
    return [] if all(n % FAILING == 1 for n in failed) else ["a proper document failed"]


def wrong(model: str, output: Path, step: int) -> list[str]:
    """Whether the annotation of each n-th document is another than that by `nlp.pipe`."""
    nlp = spacy.load(model)
    rows = list(islice(read(output), 0, None, step))
    for row, doc in zip(rows, nlp.pipe([row["text"] for row in rows]), strict=True):
        entities = [
            {"start": ent.start_char, "end": ent.end_char, "label": ent.label_} for ent in doc.ents
        ]
        tags = [token.tag_ or None for token in doc]
        cats = all(abs(row["cats"][label] - value) < CLOSE for label, value in doc.cats.items())
        if row["entities"] != entities or row.get("tags", tags) != tags or not cats:
            return [f"the document with id {row['id']} is annotated otherwise than by nlp.pipe"]
    return []


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file, one at a time."""
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def errors_of(output: Path) -> Path:
    """Where its failed documents are."""
    return output.with_name(f"{output.name}.errors.jsonl")


if __name__ == "__main__":
    typer.run(main)
