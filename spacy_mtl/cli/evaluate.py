"""`spacy mtl evaluate`: the scores of every task and label of a pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from ..card.evaluate import evaluate
from ..files import write_whole
from ._app import app
from ._loading import load_pipeline, use_device
from ._options import Code, GpuId
from ._scores import print_details, print_scores


@app.command("evaluate")
def evaluate_command(
    model: Annotated[str, Argument(help="A trained pipeline: its folder or package name.")],
    data: Annotated[
        Path, Argument(exists=True, help="Labelled documents: a .spacy file, or a folder of them.")
    ],
    output: Annotated[
        Path | None,
        Option(
            "--output", "-o", metavar="FILE", dir_okay=False, help="Write all of it as JSON, too."
        ),
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print JSON in place of tables.")] = False,
    code: Code = None,
    gpu_id: GpuId = -1,
) -> None:
    """Score every task on labelled documents: with a 95 % interval, each label, each class group.

    The first table has the score of each task, those that `spacy mtl card` writes; its interval
    says how much the choice of documents matters. A table for each task follows, with all its
    other scores and those of each label. Scores are from 0 to 1, and "-" (in JSON null) where
    nothing is labelled. The documents keep their own tokens; `spacy evaluate` tokenizes their
    text again, and shows the first class group only.

    \b
    Examples:
      spacy mtl evaluate training/model-best corpus/test.spacy
      spacy mtl evaluate training/model-best corpus/test.spacy --json > scores.json
      spacy mtl evaluate training/model-best corpus/test.spacy --output scores.json --gpu-id 0
    """
    use_device(gpu_id, silent=True)
    tested = evaluate(load_pipeline(model), data)
    described = json.dumps(tested.to_dict(), indent=2, ensure_ascii=False)
    if output is not None:
        write_whole(output, f"{described}\n".encode(errors="backslashreplace"))
    if as_json:
        typer.echo(described)
        return
    print_scores(tested)
    for each in tested.tasks:
        print_details(each)
    typer.echo(f"{data}: {tested.docs:,} documents, {tested.tokens:,} tokens")
