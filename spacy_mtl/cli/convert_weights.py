"""`spacy mtl convert-weights`: a trained pipeline with the faster encoder, or back."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from ..configs.encoder_blocks import needing_package
from ..configs.encoder_conversion import convert_encoders
from ._app import app
from ._options import Code


class Precision(str, Enum):
    """The values of --precision."""

    fp32 = "fp32"
    bf16 = "bf16"


@app.command("convert-weights")
def convert_weights(
    model: Annotated[str, Argument(help="A trained pipeline: its folder or package name.")],
    output: Annotated[
        Path, Argument(metavar="OUT", file_okay=False, help="The folder to write; it is made.")
    ],
    back: Annotated[
        bool, Option("--back", help="Put spaCy's encoders in place of those of this package.")
    ] = False,
    precision: Annotated[
        Precision,
        Option(
            help="Of products in prediction. bf16 (bfloat16) is faster on processors that have "
            "instructions for it, and moves outputs by about 1 %."
        ),
    ] = Precision.fp32,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace the pipeline in OUT.")] = False,
    code: Code = None,
) -> None:
    """Give a trained pipeline the faster encoder, with its weights and so the same outputs.

    spaCy's convolutional encoders, in the component tok2vec or inside of others, become those of
    this package: HashEmbedCNN.v2, MultiHashEmbed.v2 and MaxoutWindowEncoder.v2, and of the
    versions 1 HashEmbedCNN and MultiHashEmbed, if they have no word vectors. Everything else
    stays. Before OUT is there, each is compared with the one before on some words.

    --back makes spaCy's of them again, and tok2vec of balanced_tok2vec. Without the component
    multitask, the pipeline then runs where this package is not installed.

    \b
    Examples:
      spacy mtl convert-weights en_core_web_sm fast
      spacy mtl convert-weights training/model-best fast --precision bf16
      spacy mtl convert-weights fast stock --back
    """
    changes, config = convert_encoders(
        model, output, back=back, precision=precision.value, overwrite=overwrite
    )
    for change in changes:
        typer.echo(str(change))
    typer.echo(f"Wrote {output}")
    if back and (needing := needing_package(config)):
        typer.echo(f"Still needs spacy-mtl for: {', '.join(needing)}")
