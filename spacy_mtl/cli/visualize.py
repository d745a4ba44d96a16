"""`spacy mtl visualize`: a pipeline's annotation of some documents, as one HTML page."""

from __future__ import annotations

from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import spacy
import typer
from spacy.tokens import DocBin
from spacy.training.corpus import walk_corpus
from tqdm import tqdm
from typer import Argument, Option

from ..evaluation.visualize import render_page
from ._app import app


@app.command("visualize")
def visualize(
    model: Annotated[str, Argument(help="A trained pipeline: its folder or package name.")],
    data: Annotated[Path, Argument(exists=True, help="A .spacy file, or a folder of them.")],
    output: Annotated[Path, Argument(dir_okay=False, help="The HTML file to write.")],
    limit: Annotated[int, Option("--limit", "-n", min=1, help="Show at most so many.")] = 50,
) -> None:
    """Show what a pipeline finds: entities, tags and class scores, on a page of its own.

    The texts of DATA are annotated anew; what DATA itself says is not shown.

    \b
    Example:
      spacy mtl visualize training/model-best corpus/test.spacy reports/test.html
    """
    nlp = spacy.load(model)
    files = walk_corpus(data, ".spacy")
    docs_of_files = (DocBin().from_disk(file).get_docs(nlp.vocab) for file in files)
    texts = [doc.text for doc in islice(chain.from_iterable(docs_of_files), limit)]
    docs = list(tqdm(nlp.pipe(texts), total=len(texts), desc="Annotating", disable=None))
    output.parent.mkdir(parents=True, exist_ok=True)
    name = f"{nlp.meta['lang']}_{nlp.meta['name']}"
    output.write_text(render_page(docs, f"Annotated by {name}"), encoding="utf8")
    typer.echo(f"{output}: {len(docs)} documents")
