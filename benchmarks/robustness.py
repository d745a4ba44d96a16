"""Bad input by the hundred thousand: what becomes of generated configs, documents, files, models.

python -m benchmarks.robustness --cases 100000 --seed 0

The generators and the requirements on what comes out are those of `tests/robustness`. Each case
has a time limit. Prints a table, then every case that crashed, hung, or came out wrong in silence,
and ends with an error if there was one. Most cases are files, which take the least time.
"""

from __future__ import annotations

import faulthandler
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy
from typer import Option

from tests.robustness.checks import (
    begin_anew,
    run_config,
    run_docs,
    run_file,
    run_model,
    run_stored,
)
from tests.robustness.file_strategies import file_cases, model_cases, stored_cases
from tests.robustness.outcomes import OUTCOMES, Outcome, outcome_of
from tests.robustness.strategies import batches_of_docs, config_cases

CHUNK = 500  # cases that are generated together, all different
SHOWN = 20  # bad cases that are printed in full


@dataclass(frozen=True)
class Kind:
    """A kind of case.

    share: its part of all cases. spacys_files: see `outcome_of`.
    """

    name: str
    share: float
    cases: SearchStrategy[Any]
    run: Callable[[Any], None]
    spacys_files: bool = False


KINDS = (
    Kind("Files for `convert`", 0.75, file_cases(), run_file),
    Kind("`.spacy` files", 0.18, stored_cases(), run_stored),
    Kind("Configs", 0.03, config_cases(), run_config),
    Kind("Batches of documents", 0.03, batches_of_docs, run_docs),
    Kind("Saved models", 0.01, model_cases(), run_model, spacys_files=True),
)


@dataclass
class Tally:
    """What became of the cases of a kind."""

    counts: Counter[str] = field(default_factory=Counter)
    bad: list[tuple[Outcome, Any]] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, outcome: Outcome, case: Any) -> None:
        self.counts[outcome.kind] += 1
        if not outcome.good:
            self.bad.append((outcome, case))


def run_kind(kind: Kind, n: int, start: int, seconds: float) -> Tally:
    """Generate and run cases.

    n: how many, at most. start: seed of the first chunk. seconds: of processor time for a case.
    """
    tally = Tally()
    began = time.perf_counter()

    def run(case: Any) -> None:
        tally.add(outcome_of(kind.run, case, seconds, kind.spacys_files), case)

    for number, size in enumerate(_chunks(n)):
        begin_anew()
        once = settings(
            max_examples=size,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        once(seed(start + number)(given(kind.cases)(run)))()
    tally.seconds = time.perf_counter() - began
    return tally


def _chunks(n: int) -> Iterator[int]:
    while n > 0:
        yield min(n, CHUNK)
        n -= CHUNK


def table(tallies: dict[str, Tally]) -> str:
    """The counts as Markdown, with a row for all."""
    total = Tally(sum((tally.counts for tally in tallies.values()), Counter()))
    total.seconds = sum(tally.seconds for tally in tallies.values())
    header = ["Cases", "Number", *OUTCOMES, "Minutes"]
    rows = [header, ["---"] + ["---:"] * (len(header) - 1)]
    for name, tally in {**tallies, "All": total}.items():
        counts = [tally.counts.total(), *(tally.counts[outcome] for outcome in OUTCOMES)]
        rows.append([name, *(f"{count:,}" for count in counts), f"{tally.seconds / 60:.1f}"])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main(
    cases: Annotated[int, Option(min=1, help="How many, of all kinds together.")] = 100_000,
    start: Annotated[int, Option("--seed", min=0, help="Other seeds give other cases.")] = 0,
    seconds: Annotated[float, Option(help="Processor time that a case may take.")] = 20.0,
    only: Annotated[str, Option(help="Only kinds whose name contains this.")] = "",
) -> None:
    """Run the cases and print what became of them."""
    faulthandler.enable()
    logging.getLogger("spacy_mtl").setLevel(logging.ERROR)
    logging.getLogger("spacy").setLevel(logging.ERROR)
    tallies = {}
    for kind in KINDS:
        if only.lower() in kind.name.lower():
            tallies[kind.name] = run_kind(kind, round(cases * kind.share), start, seconds)
    typer.echo(table(tallies))
    bad = [(name, *one) for name, tally in tallies.items() for one in tally.bad]
    for name, outcome, case in bad[:SHOWN]:
        typer.echo(f"\n{name}: {outcome.kind}, {outcome.detail}\n{case!r}")
    if bad:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
