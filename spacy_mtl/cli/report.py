"""`spacy mtl report`: what a comparison found, as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from ..report.material import gather
from ..report.page import EXAMPLES, check_installed, write_report
from ._app import app
from ._options import Code


@app.command("report")
def report(
    folder: Annotated[
        Path,
        Argument(exists=True, file_okay=False, help="The --output of spacy mtl compare."),
    ],
    output: Annotated[
        Path | None,
        Option(
            "--output",
            "-o",
            dir_okay=False,
            help="The HTML file to write.",
            show_default="report.html in the folder",
        ),
    ] = None,
    test: Annotated[
        Path | None,
        Option(exists=True, help="The test documents, if they are not where they were."),
    ] = None,
    affinity: Annotated[
        Path | None,
        Option(
            exists=True,
            dir_okay=False,
            help="What spacy mtl affinity has written.",
            show_default="affinity.json in the folder, if there is one",
        ),
    ] = None,
    examples: Annotated[
        int, Option(min=0, help="Show at most so many documents with entities.")
    ] = EXAMPLES,
    code: Code = None,
) -> None:
    """Write what a comparison found as one page for a browser, with figures and examples.

    The page needs nothing beside it and loads nothing. It says in three sentences whether sharing
    pays, and shows the scores, learning curves, training, conflict and affinity of the tasks, which
    labels are taken for which, how far to trust the confidences, entities in their texts, and what
    the pipelines take. It needs the extra `report`.

    \b
    Examples:
      spacy mtl report comparison
      spacy mtl report comparison --output report.html --affinity affinity/affinity.json
    """
    check_installed()
    path = folder / "report.html" if output is None else output
    write_report(gather(folder, test, affinity), path, examples)
    typer.echo(f"{path}: {path.stat().st_size / 1000:,.0f} kB")
