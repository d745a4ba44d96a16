"""`spacy mtl affinity`: which tasks belong together, and a config with them in groups."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from spacy import util
from spacy.cli._util import parse_config_overrides, show_validation_error
from spacy.language import Language
from thinc.api import Config
from typer import Argument, Option
from wasabi import Printer

from ..affinity.grouping import Grouping, best_groupings, check_encoders
from ..affinity.lookahead import Matrix
from ..affinity.observe import AffinityObserver, learning_multitask
from ..affinity.result import Affinity
from ..affinity.topology import HARD, Suggestion, sections, suggested
from ..config_files import config_text
from ..configs.grouped import grouped_config
from ..errors import MTLError
from ..files import write_folder_whole
from ..pipeline.component import MultiTask
from ..pipeline.needs import units
from ..training.initialization import initialized
from ..training.signals import Stopped
from ..training.trainer import train
from ._app import app
from ._loading import load_config, use_device
from ._options import Code, GpuId, again
from ._printing import print_table

TOPOLOGY = "topology.cfg"
N_EFFECTS = 5  # of those that help, and of those that hurt, to be told in words


@app.command(
    "affinity", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def affinity(
    ctx: typer.Context,
    config: Annotated[
        Path, Argument(exists=True, allow_dash=True, dir_okay=False, help="The config file.")
    ],
    output: Annotated[
        Path,
        Option(
            "--output",
            "-o",
            file_okay=False,
            help="New folder for affinity.json and config.cfg.",
        ),
    ],
    steps: Annotated[
        int | None, Option(min=1, help="Steps to train for; default: as the config has it.")
    ] = None,
    every: Annotated[int, Option(min=1, help="Steps from one measurement to the next.")] = 10,
    encoders: Annotated[
        int, Option(min=1, help="Encoders of the config that is written, each for some tasks.")
    ] = 2,
    seed: Annotated[int | None, Option(min=0, help="In place of the one in the config.")] = None,
    code: Code = None,
    gpu_id: GpuId = -1,
) -> None:
    """Find out which tasks help each other on one encoder, and which would be better apart.

    All tasks are trained together once, as by `spacy train`. Meanwhile it is measured how their
    gradients stand to each other, and how much a step for one task alone lowers the losses of the
    others. From that come the best groups of tasks for each number of encoders, and a config
    with an encoder for each group. Where effects speak for another topology than hard sharing, the
    file topology.cfg has it, for `spacy mtl compare --vary`.

    Settings of the config are overridden as there: --training.dropout 0.2. The config that is
    written has them too, but not --steps and --seed.

    \b
    Examples:
      spacy mtl affinity config.cfg --output affinity --steps 1000
      spacy mtl affinity config.cfg --output affinity --encoders 3 --every 20
    """
    _check_new(output)
    overrides = parse_config_overrides(ctx.args)
    given = load_config(config, overrides)
    use_device(gpu_id)
    with show_validation_error(config):
        joint = util.load_model_from_config(given, auto_fill=True)
    component = learning_multitask(joint)
    together = units(component.needs)
    check_encoders(encoders, together)
    with show_validation_error(config, hint_fill=False):
        nlp = initialized(_to_train(joint.config, steps, seed), gpu_id)
    measured = _observed(nlp, every, gpu_id)
    groupings = best_groupings(list(component.tasks), measured.means.affinity, together)
    chosen = groupings[encoders - 1]
    found = [{"encoders": len(g.groups), **asdict(g)} for g in groupings]
    seed = nlp.config.interpolate()["training"]["seed"]
    needs = {task: list(others) for task, others in component.needs.items() if others}
    document = {**measured.document(), "seed": seed, "needs": needs, "groupings": found}
    model = joint.config.interpolate()["components"][component.name]["model"]
    suggestion, other = _suggested(component, model, measured), None
    document["topology"] = None
    if suggestion is not None:
        document["topology"] = asdict(suggestion)
        other = sections(learning_multitask(nlp), model, suggestion)
    _write(output, document, grouped_config(joint, chosen.groups), other)
    _print(measured, needs, groupings, chosen)
    printer = Printer()
    if suggestion is not None:
        typer.echo(f"{suggestion.reason} {suggestion.architecture} is worth a comparison:")
        if other is None:
            typer.echo("Write its section by hand: the width of the encoder is not known.")
        else:
            typer.echo(f"spacy mtl compare CONFIG --vary {shlex.quote(str(output / TOPOLOGY))} ...")
    printer.good(f"Wrote {output / 'affinity.json'} and {output / 'config.cfg'}. Train with:")
    written = shlex.quote(str(output / "config.cfg"))
    typer.echo(f"spacy train {written} --output training{again(code)}")


def _suggested(
    component: MultiTask, model: Mapping[str, Any], measured: Affinity
) -> Suggestion | None:
    """Nothing beside another topology than hard sharing. model: its block."""
    if model["@architectures"] != HARD:
        return None
    return suggested(measured, [name for name, task in component.tasks.items() if task.shows])


def _check_new(output: Path) -> None:
    try:
        taken = output.exists() and any(output.iterdir())
    except OSError as error:
        raise MTLError(
            f"Expected to be able to write {output}, got: {error.strerror or error}."
        ) from error
    if taken:
        raise MTLError(f"Expected a new or empty folder as --output, but {output} has files.")


def _to_train(config: Config, steps: int | None, seed: int | None) -> Config:
    """The config for the training that is observed."""
    config = config.copy()
    if steps is not None:
        config["training"].update(max_steps=steps, patience=0, max_epochs=_all(config))
    if seed is not None:
        config["training"]["seed"] = seed
    return config


def _all(config: Config) -> int:
    """As many epochs as it takes, in memory or streamed as before."""
    return min(int(config["training"]["max_epochs"]), 0)


def _observed(nlp: Language, every: int, gpu_id: int) -> Affinity:
    observer = AffinityObserver(every)
    try:
        train(nlp, use_gpu=gpu_id, observe=observer, stdout=sys.stdout, stderr=sys.stderr)
    except Stopped as stopped:
        typer.secho(f"⚠ {stopped}", err=True, fg=typer.colors.YELLOW)
        raise typer.Exit(128 + stopped.signum) from stopped
    return observer.result()


def _write(output: Path, document: dict[str, Any], config: Config, topology: Config | None) -> None:
    text = json.dumps(document, indent=2)

    def fill(folder: Path) -> None:
        (folder / "affinity.json").write_text(f"{text}\n", encoding="utf8")
        (folder / "config.cfg").write_text(config_text(config), encoding="utf8")
        if topology is not None:
            (folder / TOPOLOGY).write_text(config_text(topology), encoding="utf8")

    write_folder_whole(output, fill)


def _print(
    measured: Affinity,
    needs: Mapping[str, Sequence[str]],
    groupings: Sequence[Grouping],
    chosen: Grouping,
) -> None:
    printer = Printer()
    printer.divider("Cosines between the tasks' gradients")
    _print_matrix("Task", measured.tasks, measured.means.cosines, 1.0, 2)
    _print_apart(measured.tasks, measured.means.cosines, "learn from the same place of the model")
    printer.divider("Affinity: by how many % a step for a task lowers a loss")
    _print_matrix("Step for", measured.tasks, measured.means.affinity, 100.0, 3)
    _print_apart(measured.tasks, measured.means.affinity, "share parameters")
    _print_effects(measured)
    printer.divider("The best groups for each number of encoders")
    rows = [
        (str(len(g.groups)), " | ".join(", ".join(group) for group in g.groups), _percent(g.score))
        for g in groupings
    ]
    print_table(("Encoders", "Groups", "Score"), rows, n_text_columns=2)
    for task, others in needs.items():
        typer.echo(f"{task} needs {', '.join(others)}, and is in the same group.")
    together = groupings[0]
    if len(chosen.groups) > 1:
        relation = "above" if chosen.score > together.score else "not above"
        typer.echo(
            f"The best {len(chosen.groups)} groups have a score of {_percent(chosen.score)}, "
            f"{relation} that of all tasks together, {_percent(together.score)}."
        )


def _print_matrix(
    corner: str, tasks: Sequence[str], matrix: Matrix, factor: float, digits: int
) -> None:
    rows = [
        (task, *("-" if np.isnan(cell) else f"{factor * cell:.{digits}f}" for cell in row))
        for task, row in zip(tasks, matrix, strict=True)
    ]
    print_table((corner, *tasks), rows)


def _print_apart(tasks: Sequence[str], matrix: Matrix, what: str) -> None:
    """Name the pairs that have no number although both tasks were measured."""
    seen = [i for i in range(len(tasks)) if not np.isnan(matrix[i, i])]
    pairs = [
        f"{tasks[i]} and {tasks[j]}" for i, j in combinations(seen, 2) if np.isnan(matrix[i, j])
    ]
    if pairs:
        typer.echo(f"Not comparable, as they never {what}: {'; '.join(pairs)}.")


def _print_effects(measured: Affinity) -> None:
    """What helps most and what hurts most, in words."""
    effects = measured.effects()
    helping = [effect for effect in effects if effect[2] > 0]
    hurting = [effect for effect in reversed(effects) if effect[2] < 0]
    for verb, strongest in (("lowers", helping), ("raises", hurting)):
        for task, other, value in strongest[:N_EFFECTS]:
            amount = f"{abs(100 * value):.2g} %"
            typer.echo(f"Training on {task} {verb} the loss of {other} by {amount} per step.")
        if (more := len(strongest) - N_EFFECTS) > 0:
            typer.echo(f"Pairs with less effect: {more}.")
    if not effects:
        typer.echo("No task has an effect on another that stands out from the noise.")


def _percent(score: float) -> str:
    return f"{100 * score:.3f} %"
