"""`spacy mtl merge`: one pipeline of several that were trained apart."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from typer import Argument, Option
from wasabi import Printer

from ..config_files import save_pipeline
from ..errors import MTLError
from ..files import write_folder_whole
from ..merging.agreement import check_agreement, some_texts
from ..merging.ensembles import ensemble
from ..merging.side_by_side import merged
from ..wording import counted
from ._app import app
from ._loading import load_pipeline
from ._options import Code


@app.command("merge")
def merge(
    models: Annotated[
        list[str], Argument(help="Two trained pipelines or more: folders or package names.")
    ],
    output: Annotated[
        Path, Option("--output", "-o", metavar="DIR", file_okay=False, help="Write it there.")
    ],
    together: Annotated[
        bool,
        Option("--ensemble", help="Of the same tasks: average what the pipelines find probable."),
    ] = False,
    texts: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Compare predictions on these texts, one on a line.",
        ),
    ] = None,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace the pipeline in DIR.")] = False,
    code: Code = None,
) -> None:
    """Make one pipeline of several that were trained apart, without training.

    Side by side, it has the components of all, each as it was, and annotates what each of them
    annotates. Components of the same name get a number, and what listens to them follows. Two
    pipelines must not write the same, and need one language, tokenizer and set of vectors.
    Predictions are compared before anything is written: on the lines of --texts, or on texts made
    of the pipelines' words.

    With --ensemble the pipelines have one `multitask` each with the same tasks and labels, as those
    of several seeds. Their scores are averaged, which averages log-probabilities, and decoded once,
    so that tags, spans and classes stay valid. It takes the time and memory of all; no temperature
    is taken over, so calibrate it anew.

    \b
    Examples:
      spacy mtl merge tags/model-best entities/model-best --output both
      spacy mtl merge seed0/model-best seed1/model-best --ensemble --output ensemble
    """
    if os.path.lexists(output) and not overwrite:
        raise MTLError(f"Expected a new folder as --output, got {output}. Add --overwrite.")
    pipelines = {_title(models, number): load_pipeline(m) for number, m in enumerate(models)}
    sample = _lines(texts) if texts else some_texts(list(pipelines.values()))
    printer = Printer()
    if together:
        nlp = ensemble(pipelines)
        for _ in nlp.pipe(sample):
            pass
    else:
        nlp = merged(pipelines)
        check_agreement(nlp, pipelines, sample)
        printer.good(f"Predicts what each pipeline predicts, on {counted(len(sample), 'text')}.")
    write_folder_whole(output, lambda path: save_pipeline(nlp, path))
    printer.good(f"Saved {', '.join(nlp.pipe_names)} to {output}")


def _lines(path: Path) -> list[str]:
    """The texts of a file, one on a line.

    RAISES (MTLError): If there are none, or it is not UTF-8.
    """
    try:
        found = [line for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise MTLError(f"Expected a UTF-8 file as --texts, got {path}: {error}.") from error
    if not found:
        raise MTLError(f"Expected texts in {path}, one on a line, got none.")
    return found


def _title(models: Sequence[str], number: int) -> str:
    """What messages call a pipeline: its name, with its number if it is there more than once."""
    name = models[number]
    return name if models.count(name) == 1 else f"{name} ({number + 1})"
