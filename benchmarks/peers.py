"""Scores of what another toolkit predicted, beside ours in the tables of `benchmarks.pretrained`.

python -m benchmarks.peers --data DIR --system flair --predictions flair.jsonl --save

Each line of the file is a test document: {"spans": [[start, end, label], ...], "class": its name
without the group, "seconds": of the training}, with tokens from 0. `benchmarks/peer_flair.py`
writes one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import spacy
import typer
from spacy.tokens import Doc, Span
from spacy.training import Example
from typer import Option

from spacy_mtl.evaluation.scores import score_examples

from .corpora import docs_of, prepare
from .finished_documents import FINISHED, documents, read, write
from .quality import DEFAULT_CACHE


def main(
    data: Annotated[Path, Option(help="Folder with snips/")],
    system: Annotated[str, Option(help="The name of the toolkit")],
    predictions: Annotated[Path, Option(help="JSONL, a line for each test document")],
    cache: Annotated[Path, Option(help="Where the corpus is converted to")] = DEFAULT_CACHE,
    corpus: Annotated[str, Option(help="One with entities and a group of classes")] = "snips",
    steps: Annotated[int, Option(help="Of the training")] = 600,
    seed: Annotated[int, Option(help="Of the training")] = 0,
    save: Annotated[bool, Option("--save", help=f"Keep them in {FINISHED.name}")] = False,
) -> None:
    """Print the scores."""
    gold = docs_of(prepare(data, cache, corpus).test)
    rows = [json.loads(line) for line in predictions.read_text(encoding="utf-8").splitlines()]
    vocab = spacy.blank("en").vocab
    examples = []
    for row, doc in zip(rows, gold, strict=True):
        words, spaces = [t.text for t in doc], [bool(t.whitespace_) for t in doc]
        guess = Doc(vocab, words=words, spaces=spaces)
        guess.set_ents([Span(guess, *span) for span in row["spans"]])
        group = next(iter(doc.cats)).partition("=")[0]
        guess.cats = {f"{group}={row['class']}": 1.0}
        examples.append(Example(guess, doc))
    scores = score_examples(examples)
    typer.echo(json.dumps({name: round(value, 4) for name, value in scores.items()}))
    if save:
        known = read()
        key = (corpus, system, steps, seed)
        known[key] = documents(key, 0.0, rows[0]["seconds"], scores, examples)
        write(known)


if __name__ == "__main__":
    typer.run(main)
