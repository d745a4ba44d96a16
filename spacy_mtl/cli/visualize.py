"""`spacy mtl visualize`: a pipeline's annotation of some documents, as one HTML page."""

from __future__ import annotations

from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import typer
from spacy.language import Language
from tqdm import tqdm
from typer import Argument, Option

from ..corpora.coverage import files_of
from ..corpora.stored import stored_docs
from ..evaluation.visualize import render_page
from ..files import write_whole
from ..layers import AnnotationLayer, table
from ..pipeline.live import multitasks, tasks_by_name
from ._app import app
from ._loading import load_pipeline
from ._options import Code


@app.command("visualize")
def visualize(
    model: Annotated[str, Argument(help="A trained pipeline: its folder or package name.")],
    data: Annotated[Path, Argument(exists=True, help="A .spacy file, or a folder of them.")],
    output: Annotated[Path, Argument(dir_okay=False, help="The HTML file to write.")],
    limit: Annotated[int, Option("--limit", "-n", min=1, help="Show at most so many.")] = 50,
    code: Code = None,
) -> None:
    """Show what a pipeline finds: entities, tags and class scores, on a page of its own.

    What its tasks find of other layers stands beside it: under each token, or below the text as
    JSON. The texts of DATA are annotated anew; what DATA itself says is not shown.

    \b
    Example:
      spacy mtl visualize training/model-best corpus/test.spacy reports/test.html
    """
    nlp = load_pipeline(model)
    docs_of_files = (stored_docs(file, nlp.vocab) for file in files_of([data]))
    texts = [doc.text for doc in islice(chain.from_iterable(docs_of_files), limit)]
    docs = list(tqdm(nlp.pipe(texts), total=len(texts), desc="Annotating", disable=None))
    name = f"{nlp.meta['lang']}_{nlp.meta['name']}"
    write_whole(output, render_page(docs, f"Annotated by {name}", _layers(nlp)).encode())
    typer.echo(f"{output}: {len(docs)} documents")


def _layers(nlp: Language) -> list[AnnotationLayer]:
    """Those of the pipeline's tasks."""
    names = {name for _, t in tasks_by_name(multitasks(nlp)).values() for name in t.layers}
    return [layer for name, layer in table().items() if name in names]
