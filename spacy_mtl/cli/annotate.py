"""`spacy mtl annotate`: files of any size through a trained pipeline."""

from __future__ import annotations

import sys
from enum import Enum
from functools import partial
from typing import Annotated

import typer
from tqdm import tqdm
from typer import Argument, Option

from ..bulk import Options, Summary, annotate_file
from ..bulk.options import PART_SIZE
from ..bulk.workers import Engine
from ..errors import MTLError
from ..signals import Interrupted, raising_interrupted
from ._app import app
from ._options import Code, GpuId, Ray

SOME_FAILED = 3
INTERRUPTED = 128  # and the number of the signal


class InputFormat(str, Enum):
    """The values of --input-format."""

    auto = "auto"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"
    text = "text"
    spacy = "spacy"


class OutputFormat(str, Enum):
    """The values of --output-format."""

    auto = "auto"
    jsonl = "jsonl"
    parquet = "parquet"
    spacy = "spacy"


@app.command("annotate")
def annotate(
    model: Annotated[str, Argument(help="A trained pipeline: its folder or package name.")],
    input_path: Annotated[
        str,
        Argument(metavar="INPUT", help="A file, a folder of files of one format, or - for stdin."),
    ],
    output_path: Annotated[
        str,
        Argument(
            metavar="OUTPUT",
            help="A file that ends in .jsonl, .parquet or .spacy, or a folder, which gets a file "
            "for each part.",
        ),
    ],
    input_format: Annotated[
        InputFormat,
        Option(help="Format of INPUT. With auto the one that goes with the suffix; jsonl of -."),
    ] = InputFormat.auto,
    output_format: Annotated[
        OutputFormat,
        Option(help="Format of OUTPUT. With auto as its suffix tells, and spacy in a folder."),
    ] = OutputFormat.auto,
    text_field: Annotated[
        str, Option(metavar="NAME", help="Field or column that holds the text.")
    ] = "text",
    tokens: Annotated[
        bool,
        Option(help="Write the tokens and what is said of each (JSONL and Parquet)."),
    ] = True,
    resume: Annotated[
        bool, Option("--resume", help="Go on with a run that was stopped or killed.")
    ] = False,
    overwrite: Annotated[
        bool, Option("--overwrite", help="Replace OUTPUT, or an unfinished run.")
    ] = False,
    processes: Annotated[
        int, Option("--processes", "-p", min=1, help="Processes that annotate.")
    ] = 1,
    batch_size: Annotated[
        int | None,
        Option(min=1, help="Documents in a batch.", show_default="the pipeline's own"),
    ] = None,
    part_size: Annotated[
        int,
        Option(
            min=1,
            help="Documents after which what is done is committed, and memory freed. What a "
            "kill can cost is at most one part for each process.",
        ),
    ] = PART_SIZE,
    gpu_id: GpuId = -1,
    code: Code = None,
    ray: Ray = None,
    actors: Annotated[
        int, Option(min=1, help="With --ray: pipelines that annotate, on a CPU each.")
    ] = 1,
    gpus_per_actor: Annotated[
        float, Option(min=0.0, help="With --ray: GPUs of each, or the part of one.")
    ] = 0.0,
) -> None:
    """Annotate files of any size, with flat memory, in a run that can be killed and resumed.

    OUTPUT appears when all is done; until then, what is done is kept in OUTPUT.partial. The
    documents stay in order. One that fails, or cannot be read, is written to OUTPUT.errors.jsonl
    with its place and error, and the others go on.

    \b
    JSONL:    the text is in the field --text-field; all other fields are kept
    CSV/TSV:  likewise, in columns; with a header
    Parquet:  likewise (extra: parquet)
    text:     a document a line
    .spacy:   with its tokens and user data; other annotation is made anew

    \b
    Exit code: 0 all documents annotated, 1 an error, 3 done but some documents failed,
    130 or 143 interrupted (--resume goes on).

    \b
    Examples:
      spacy mtl annotate training/model-best messages.jsonl annotated.jsonl
      spacy mtl annotate training/model-best reviews.csv annotated.parquet --text-field review
      spacy mtl annotate training/model-best crawl.jsonl annotated/ --processes 8 --resume
      spacy mtl annotate training/model-best crawl.jsonl annotated/ --ray local --actors 4
      zcat crawl.txt.gz | spacy mtl annotate en_core_web_sm - out.jsonl --input-format text
    """
    options = Options(
        input_format=input_format.value,
        output_format=output_format.value,
        text_field=text_field,
        tokens=tokens,
        resume=resume,
        overwrite=overwrite,
        processes=processes,
        batch_size=batch_size,
        part_size=part_size,
        gpu_id=0 if gpus_per_actor else gpu_id,
        code=code,
        progress=True,
    )
    if ray is None and (actors > 1 or gpus_per_actor):
        raise MTLError("Expected --actors and --gpus-per-actor with --ray, got them alone.")
    if ray is not None and gpu_id >= 0:
        raise MTLError("Expected --gpus-per-actor with --ray, got --gpu-id, which Ray chooses.")
    engine = None if ray is None else _actors(ray, actors, gpus_per_actor, options)
    _run(model, input_path, output_path, options, engine)


def _actors(address: str, number: int, gpus: float, options: Options) -> Engine:
    if options.processes > 1:
        raise MTLError("Expected --processes of this machine or --actors with --ray, got both.")
    from ..cluster.annotate import Actors

    return Actors(address, number, gpus)


def _run(
    model: str, input_path: str, output_path: str, options: Options, engine: Engine | None
) -> None:
    """Annotate, and tell how it went, also by the exit code."""
    say = partial(tqdm.write, file=sys.stderr)  # above the bar
    try:
        with raising_interrupted():
            summary = annotate_file(model, input_path, output_path, options, say, engine)
    except Interrupted as error:
        typer.echo(_interrupted(error, input_path), err=True)
        raise typer.Exit(INTERRUPTED + error.number) from error
    if summary is None:
        typer.echo(f"ℹ {output_path} is complete: there is nothing to do.")
        return
    typer.echo(_describe(summary))
    if summary.failed:
        raise typer.Exit(SOME_FAILED)


def _interrupted(error: Interrupted, input_path: str) -> str:
    if input_path == "-":
        return f"Stopped by {error}. Stdin cannot be read again: begin anew with --overwrite."
    return f"Stopped by {error}. The same command with --resume goes on."


def _describe(summary: Summary) -> str:
    lines = [f"{summary.output}: {summary.documents:,} documents, {summary.words:,} words"]
    if summary.before:
        lines.append(f"  {summary.before:,} documents were done before")
    if summary.failed:
        lines.append(f"  {summary.failed:,} documents failed: {summary.errors}")
    return "\n".join(lines)
