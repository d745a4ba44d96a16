"""`spacy mtl train`: spaCy's training, which can be resumed after any end."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from spacy import util
from spacy.cli._util import parse_config_overrides, show_validation_error
from spacy.language import Language
from thinc.api import Config
from typer import Argument, Option
from wasabi import msg

from ..cluster.train import Job, train_on_ray
from ..errors import MTLError
from ..signals import Interrupted
from ..training.fingerprint import fingerprint
from ..training.initialization import initialized
from ..training.output_folder import OutputFolder
from ..training.signals import Stopped, stopped_at_once
from ..training.trainer import Frequency, train
from ._app import app
from ._loading import load_config, use_device
from ._options import Code, GpuId, Ray


@app.command("train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train_command(
    ctx: typer.Context,
    config: Annotated[
        Path, Argument(exists=True, allow_dash=True, dir_okay=False, help="The config file.")
    ],
    output: Annotated[
        Path | None,
        Option(
            "--output",
            "--output-path",
            "-o",
            file_okay=False,
            help="Folder for model-best, model-last and checkpoints; it is made.",
        ),
    ] = None,
    code: Code = None,
    resume: Annotated[
        bool, Option("--resume", help="Go on with the training in the folder, if there is one.")
    ] = False,
    overwrite: Annotated[
        bool, Option("--overwrite", help="Remove models and checkpoints in the folder first.")
    ] = False,
    checkpoint_steps: Annotated[
        int, Option(min=1, help="Steps after which a checkpoint is written.")
    ] = 50,
    checkpoint_seconds: Annotated[
        float, Option(help="Seconds after which one is written, if these are over earlier.")
    ] = 60.0,
    keep: Annotated[int, Option(min=1, help="The last checkpoints to keep.")] = 3,
    verbose: Annotated[bool, Option("--verbose", "-V", help="Print more, for debugging.")] = False,
    gpu_id: GpuId = -1,
    ray: Ray = None,
    workers: Annotated[
        int,
        Option(min=1, help="With --ray: how many train, each on its part of every batch."),
    ] = 1,
) -> None:
    """Train a pipeline as `spacy train` does, with checkpoints from which it can be resumed.

    Settings of the config are overridden as there: --training.max_steps 1000. With the same
    config and seed, the result is the same on a CPU.

    With --resume, a training that was killed, or ended by SIGINT or SIGTERM, goes on from its last
    checkpoint to the same model and log, byte for byte, as if it had never stopped. Config and
    data must be the same. The corpora are read again first; with a batcher other than
    spacy_mtl.MixtureBatches.v1, the batches up to the checkpoint are drawn again, which takes the
    time of reading them. On a GPU the result is the same as far as the GPU gives the same twice.

    With --ray, several workers train on a cluster. On another number of workers the batches are the
    same, and the model as far as rounding and dropout go. --gpu-id 0 gives each a GPU.

    \b
    Examples:
      spacy mtl train config.cfg --output training
      spacy mtl train config.cfg --output training --resume
      spacy mtl train config.cfg --output training --overwrite --gpu-id 0
      spacy mtl train config.cfg --output training --ray local --workers 2
    """
    if verbose:
        util.logger.setLevel(logging.DEBUG)
    if workers > 1 and ray is None:
        raise MTLError("Expected --workers with --ray, got it alone.")
    overrides = parse_config_overrides(ctx.args)
    frequency = Frequency(checkpoint_steps, checkpoint_seconds)
    loaded = load_config(config, overrides)
    folder = _folder(output, keep, resume, overwrite)
    if ray is not None:
        if output is None:
            raise MTLError(
                "Expected --output, a folder that all workers see, with --ray, got none."
            )
        with stopped_at_once():
            origin = _origin(loaded, folder, code)
        if folder is not None and resume and _is_finished(folder, origin):
            return
        job = Job(loaded.to_str(), folder, origin, code, gpu_id >= 0, frequency, resume, overwrite)
        _train_on_ray(job, ray, workers)
        return
    use_device(gpu_id)
    try:
        with stopped_at_once():
            origin = _origin(loaded, folder, code)
            if folder is not None and resume and _is_finished(folder, origin):
                return
            nlp = _initialized(config, loaded, gpu_id)
        msg.divider("Training pipeline")
        train(
            nlp,
            folder,
            use_gpu=gpu_id,
            frequency=frequency,
            resume=resume,
            overwrite=overwrite,
            origin=origin,
            stdout=sys.stdout,
            stderr=sys.stderr,
        )
    except Stopped as stopped:
        typer.secho(f"⚠ {stopped}", err=True, fg=typer.colors.YELLOW)
        raise typer.Exit(128 + stopped.signum) from stopped


def _train_on_ray(job: Job, address: str, workers: int) -> None:
    msg.divider("Training pipeline")
    try:
        train_on_ray(job, address, workers)
    except Interrupted as stopped:
        there = job.folder is not None and job.folder.checkpoints.paths()
        on = f"--resume goes on from {there[-1]}" if there else "Nothing was saved."
        typer.secho(f"⚠ Stopped by {stopped}. {on}", err=True, fg=typer.colors.YELLOW)
        raise typer.Exit(128 + stopped.number) from stopped


def _origin(config: Config, folder: OutputFolder | None, code: Path | None) -> dict[str, Any]:
    return {} if folder is None else fingerprint(config.interpolate(), folder.path, code)


def _is_finished(folder: OutputFolder, origin: dict[str, Any]) -> bool:
    """Whether there is nothing to resume, which is said.

    RAISES (MTLError): If it cannot be.
    """
    folder.check_resumable(origin)
    if not folder.finished:
        return False
    typer.echo(f"ℹ The training in {folder.path} is finished: there is nothing to resume.")
    if not folder.last.exists():
        typer.echo(f"ℹ {folder.last} is not there any more; --overwrite trains anew.")
    return True


def _initialized(path: Path, config: Config, gpu_id: int) -> Language:
    msg.divider("Initializing pipeline")
    with show_validation_error(path, hint_fill=False):
        nlp = initialized(config, gpu_id)
    msg.good("Initialized pipeline")
    return nlp


def _folder(output: Path | None, keep: int, resume: bool, overwrite: bool) -> OutputFolder | None:
    """The output folder, after a check that it can be used so."""
    if resume and overwrite:
        raise MTLError("Expected --resume or --overwrite, got both.")
    if output is None:
        if resume or overwrite:
            raise MTLError("Expected --output with the folder of the training, got none.")
        msg.info("No output directory provided")
        return None
    folder = OutputFolder(output, keep)
    if not resume and not overwrite:
        folder.check_free()
    folder.open()
    msg.info(f"Saving to output directory: {output}")
    return folder
