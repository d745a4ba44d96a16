"""`spacy mtl compare`: whether sharing pays, on your data."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer
from spacy.cli._util import parse_config_overrides, show_validation_error
from typer import Argument, Option
from wasabi import Printer

from ..comparison.compare import compare
from ..comparison.costs import joint_and_single
from ..comparison.plan import Settled, make_plan
from ..comparison.progress import RunBars
from ..comparison.results import AtFraction, Results
from ..errors import MTLError
from ..evaluation.runs import Spawn
from ._app import app
from ._loading import load_config
from ._options import Code, Ray
from ._printing import print_table


@app.command("compare", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def compare_command(
    ctx: typer.Context,
    config: Annotated[
        Path, Argument(exists=True, dir_okay=False, help="The config of the joint pipeline.")
    ],
    output: Annotated[
        Path,
        Option("--output", "-o", file_okay=False, help="Folder for the runs and results.json."),
    ],
    test: Annotated[
        Path,
        Option(exists=True, help="Test file (.spacy) or folder; never the one for dev."),
    ],
    seeds: Annotated[int, Option(min=1, help="Runs of each system, with seeds 0, 1, ...")] = 5,
    steps: Annotated[
        int | None,
        Option(min=1, help="Steps of every run.", show_default="training.max_steps"),
    ] = None,
    fractions: Annotated[
        str, Option(help="Parts of the training data for learning curves, such as 0.1,0.25,1.0.")
    ] = "1.0",
    fraction_seeds: Annotated[
        int | None,
        Option(min=1, help="Seeds of the fractions below 1.", show_default="as --seeds"),
    ] = None,
    vary: Annotated[
        list[str] | None,
        Option(
            metavar="PATH=VALUE",
            help="One more joint system, with this setting changed, or with the sections of a file "
            "that ends in .cfg; can be given repeatedly.",
        ),
    ] = None,
    jobs: Annotated[int, Option("--jobs", "-j", min=1, help="Runs at once.")] = 1,
    code: Code = None,
    ray: Ray = None,
) -> None:
    """Train each task alone and all tasks jointly, and say what sharing gains or costs.

    Every system has the same data, steps and encoder, and is trained with several seeds. The best
    checkpoint is chosen on the dev data, and all scores are of the test data. Settings of the
    config are overridden as for `spacy train`: --training.dropout 0.2

    The differences are tested by a paired bootstrap over test documents and seeds. A comparison
    that was killed goes on with the same command; finished runs are not repeated.

    \b
    Examples:
      spacy mtl compare config.cfg --output comparison --test corpus/test.spacy
      spacy mtl compare config.cfg --output comparison --test corpus/test.spacy --seeds 3 --jobs 4 --fractions 0.05,0.1,0.25,1.0
      spacy mtl compare config.cfg --output comparison --test corpus/test.spacy --ray auto
      spacy mtl compare config.cfg --output comparison --test corpus/test.spacy --vary components.multitask.loss_unit=sqrt
    """  # noqa: E501
    overrides = parse_config_overrides(ctx.args)
    loaded = load_config(config, overrides)
    settled = Settled(
        name=config.name,
        config=loaded,
        test=test,
        seeds=seeds,
        steps=steps,
        fractions=_fractions(fractions),
        fraction_seeds=fraction_seeds,
        vary=vary or (),
        code=code,
    )
    with show_validation_error(config):
        plan = make_plan(settled)
    runs = [planned.run for planned in plan.runs]
    command = shlex.join(["spacy", *sys.argv[1:]])
    with _carrying_out(ray, jobs) as (carry_out, jobs), RunBars(runs) as bars:
        results = compare(
            plan,
            output,
            jobs=jobs,
            command=command,
            on_start=bars.start,
            on_done=bars.done,
            carry_out=carry_out,
        )
    path = results.save(output)
    for found in reversed(results.fractions):
        _print(results, found)
    if results.not_compared:
        Printer().warn(results.not_compared)
    typer.echo(f"{path}: {len(runs)} runs")


def _carrying_out(
    address: str | None, jobs: int
) -> AbstractContextManager[tuple[Spawn | None, int]]:
    """What carries out runs, None for processes of this machine, and how many at once."""
    if address is None:
        return nullcontext((None, jobs))
    if jobs > 1:
        raise MTLError(
            "Expected --jobs of this machine or --ray, where as many runs go at once as the "
            "cluster has CPUs, got both."
        )
    from ..cluster.runs import on_cluster

    return on_cluster(address)


def _fractions(text: str) -> list[float]:
    try:
        found = {float(part) for part in text.split(",")}
    except ValueError as error:
        raise MTLError(
            f"Expected numbers with commas as --fractions, such as 0.1,1.0, got '{text}'."
        ) from error
    return sorted(found, reverse=True)


def _print(results: Results, found: AtFraction) -> None:
    title = f"{found.fraction:.0%} of the data, {found.steps} steps, {len(found.seeds)} seeds"
    Printer().divider(title)
    for joint in results.joint:
        header = ["task", "metric", "single", joint, "difference", "95 % interval", "p", "verdict"]
        print_table(header, list(_rows(results, found, joint)), n_text_columns=2)
        total = found.comparisons[joint]
        typer.echo(
            f"Delta_m {total.delta_m:+.2f} % ({total.delta_m_low:+.2f} to "
            f"{total.delta_m_high:+.2f}){total.left_out}. "
            f"{_cost(results, found, joint)}\n"
        )
    if results.needing:
        typer.echo(f"{results.needing}\n")


def _rows(results: Results, found: AtFraction, joint: str) -> Iterator[list[str]]:
    for task, gain in found.comparisons[joint].tasks.items():
        scores = [found.systems[name].scores[task] for name in (results.single[task], joint)]
        yield [
            task,
            results.tasks[task].directed_metric,
            *(f"{score.mean:.4f} ± {score.std:.4f}" for score in scores),
            f"{gain.difference:+.4f}",
            f"{gain.low:+.4f} to {gain.high:+.4f}",
            f"{gain.p_holm:.4f}",
            gain.verdict,
        ]


def _cost(results: Results, found: AtFraction, joint: str) -> str:
    """What the joint pipeline and all single ones together take."""
    together, alone = joint_and_single(results, joint, found)
    return (
        f"One pipeline: {together.train_seconds:.0f} s of training, "
        f"{together.words_per_second:,.0f} words/s, {together.bytes / 1e6:.1f} MB; "
        f"{len(results.single)} pipelines: {alone.train_seconds:.0f} s, "
        f"{alone.words_per_second:,.0f} words/s, {alone.bytes / 1e6:.1f} MB."
    )
