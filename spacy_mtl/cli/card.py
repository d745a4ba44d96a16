"""`spacy mtl card`: what was measured, into the pipeline's folder and so into its package."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from ..card.card import META, README, Words, check_readme, make_card, read_meta, write_card
from ..card.evaluate import evaluate, evaluated_tasks
from ..card.sharing import comparison_of
from ..errors import MTLError
from ._app import app
from ._loading import load_pipeline, use_device
from ._options import Code, GpuId
from ._scores import print_scores


@app.command("card")
def card_command(
    model: Annotated[Path, Argument(help="The folder of a trained pipeline.")],
    test: Annotated[
        Path, Option(exists=True, help="Test file (.spacy) or folder; never the one for dev.")
    ],
    comparison: Annotated[
        Path | None,
        Option(metavar="DIR", help="The output of spacy mtl compare for the pipeline's config."),
    ] = None,
    name: Annotated[
        str | None,
        Option(help="Of the package, without the language.", show_default="as meta.json has it"),
    ] = None,
    version: Annotated[
        str | None, Option(help="Of the package.", show_default="as meta.json has it")
    ] = None,
    intended_use: Annotated[
        str,
        Option(metavar="TEXT", help="What it is for.", show_default="language, tasks, corpora"),
    ] = "",
    limits: Annotated[
        str, Option(metavar="TEXT", help="What it is not for, beside the limits that are known.")
    ] = "",
    command: Annotated[
        list[str] | None,
        Option(
            metavar="TEXT",
            help="What made the pipeline; can be given repeatedly.",
            show_default="spacy train with its config",
        ),
    ] = None,
    force: Annotated[
        bool, Option("--force", help="Replace a README.md that this command has not written.")
    ] = False,
    code: Code = None,
    gpu_id: GpuId = -1,
) -> None:
    """Test a pipeline, and write its model card, which `spacy package` takes along.

    MODEL/README.md gets the card: tasks, labels, test scores with 95 % intervals, what the data
    are labelled for, single- against multi-task training, intended use, limits, and how to repeat
    it. MODEL/meta.json gets the scores and the ends of their intervals, from 0 to 1, beside those
    of training: ner_f_test, ner_f_test_low, ner_f_test_high. Training again writes meta.json anew,
    and leaves the card as it was: make it again, too.

    \b
    Examples:
      spacy mtl card training/model-best --test corpus/test.spacy
      spacy mtl card training/model-best --test corpus/test.spacy --comparison comparison --name reviews --version 1.0.0
      spacy mtl card training/model-best --test corpus/test.spacy --limits "Not for medical text." --command "make corpus"
    """  # noqa: E501
    if name is not None and not name.isidentifier():
        raise MTLError(f"Expected a name of letters, digits and _, got '{name}'.")
    meta = read_meta(model)
    if not force:
        check_readme(model)
    use_device(gpu_id, silent=True)
    nlp = load_pipeline(str(model))
    results = comparison_of(comparison, evaluated_tasks(nlp)) if comparison else None
    meta.update({key: new for key, new in (("name", name), ("version", version)) if new})
    tested = evaluate(nlp, test)
    commands = [
        *(command or [_training(model, code)]),
        *([results.command] if results and results.command else []),
    ]
    commands.append(shlex.join(["spacy", *sys.argv[1:]]))
    words = Words(intended_use, limits, commands)
    write_card(model, make_card(nlp, meta, tested, results, words), meta, tested)
    print_scores(tested)
    typer.echo(f"{model / README}, {model / META}: {tested.docs} test documents")


def _training(model: Path, code: Path | None) -> str:
    """The command that trains a pipeline with its own config, which has all settings in it."""
    config = str(model / "config.cfg")
    given = ["--code", str(code)] if code else []
    return shlex.join(["spacy", "train", config, "--output", "training", *given])
