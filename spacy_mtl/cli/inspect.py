"""`spacy mtl inspect`: what the annotated files have, and what about it will hurt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option
from wasabi import Printer

from ..corpora.audit import audit
from ..corpora.coverage import (
    Coverage,
    combine,
    files_of,
    measure_all,
    short_names,
    unseen_labels,
)
from ..corpora.layer_coverage import Layer
from ..layers import LayerCoverage
from ._app import app
from ._options import Code
from ._printing import print_findings, print_table
from ._sentences import sentence_rows

_OF_VALUES = ("mean", "lowest", "highest")


@app.command("inspect")
def inspect(
    train: Annotated[
        list[Path],
        Argument(metavar="TRAIN", exists=True, help="Training files (.spacy), or folders of them."),
    ],
    dev: Annotated[
        list[Path] | None,
        Option(
            metavar="FILE",
            exists=True,
            help="File to evaluate on, such as the dev or the test set; can be given repeatedly.",
        ),
    ] = None,
    n_labels: Annotated[
        int,
        Option(
            "--labels",
            metavar="N",
            min=0,
            help="How many labels of each layer to show, the most frequent first; 0 for all.",
        ),
    ] = 20,
    as_json: Annotated[
        bool, Option("--json", help="Print JSON, with all labels, and nothing else.")
    ] = False,
    code: Code = None,
) -> None:
    """Show which layers the files have, with what labels, and what about it will hurt.

    A layer that nobody annotated in a file is missing there, which is not the same as none:
    it teaches nothing, neither right nor wrong. Class groups are the keys of doc.cats
    that begin with the same NAME=; keys without one form the group cats. A group is exclusive
    if every labelled doc has exactly one of its classes. Keys with other numbers than 0 and 1 in
    any of the files are values, as of a rating. Texts are identical if they differ in whitespace
    at most. The tree of a sentence is complete if every token has a head, that leads to the one
    root.

    \b
    Examples:
      spacy mtl inspect gum.spacy reviews.spacy --dev dev.spacy --dev test.spacy
      spacy mtl inspect train.spacy --dev dev.spacy --json > coverage.json
    """
    train = files_of(train)
    coverages = measure_all([*train, *files_of(dev or ())], progress=True)
    files, held_out = coverages[: len(train)], coverages[len(train) :]
    if as_json:
        typer.echo(json.dumps(_to_json(files, held_out), indent=2, ensure_ascii=False))
    else:
        _print_tables(files, held_out, n_labels)
        print_findings(audit(files, held_out))


def _print_tables(train: Sequence[Coverage], held_out: Sequence[Coverage], n_labels: int) -> None:
    files = [*train, *held_out]
    names = short_names([file.path for file in files])
    known = combine(train)
    everything = combine(files)
    printer = Printer()
    printer.divider("Files")
    print_table(
        ("File", "Use", "Docs", "Tokens", "Sentences", "Duplicates"),
        [
            (name, "training" if i < len(train) else "held out", *_sizes(file))
            for i, (name, file) in enumerate(zip(names, files, strict=True))
        ],
        n_text_columns=2,
    )
    printer.divider("Labelled units")
    print_table(
        ("Layer", "Unit", *names),
        [
            (str(layer), layer.unit, *(_units(file, layer) for file in files))
            for layer in everything
        ],
        n_text_columns=2,
    )
    for layer, total in everything.items():
        printer.divider(str(layer))
        printer.text(_describe(layer, known.get(layer, total)))
        if total.labels:
            print_table(("Label", *names), _label_rows(layer, total, files, n_labels))
        if total.sentences:
            found = [file.layers.get(layer) for file in files]
            print_table(("Sentences", *names), sentence_rows(found))
        if total.numbers.n:
            print_table(("Value", *names), _value_rows(layer, files))
    if len(files) > 1:
        printer.divider("Identical texts")
        _print_overlap(files, names)


def _print_overlap(files: Sequence[Coverage], names: Sequence[str]) -> None:
    rows = [
        (name, other_name, f"{n:,}")
        for (name, file), (other_name, other) in combinations(zip(names, files, strict=True), 2)
        if (n := file.texts_in_common(other))
    ]
    if rows:
        print_table(("File", "File", "Texts"), rows, n_text_columns=2)
    else:
        Printer().text("No text is in two files.")


def _sizes(file: Coverage) -> tuple[str, ...]:
    sentences = f"{file.sentences:,}" if file.sentences else "unknown"
    return f"{file.docs:,}", f"{file.tokens:,}", sentences, f"{file.duplicates:,}"


def _units(file: Coverage, layer: Layer) -> str:
    if layer not in file.layers:
        return "missing"
    return f"{file.layers[layer].units:,} ({file.share(layer):.1%})"


def _describe(layer: Layer, found: LayerCoverage) -> str:
    """The kind of a class group, and how unequal the labels are; of values their range."""
    numbers = found.numbers
    if numbers.n:
        docs = f"{numbers.n:,} docs"
        return f"{docs}, from {numbers.lowest:g} to {numbers.highest:g}, mean {numbers.mean:.4g}"
    parts = [f"{len(found.labels):,} labels" if found.labels else "no labels"]
    if layer.kind == "cats":
        parts.append("exclusive" if found.exclusive else "multi-label")
    if found.imbalance is not None:
        times = f"{found.imbalance:,.{0 if found.imbalance >= 10 else 1}f}"
        parts.append(f"the most frequent {times} times as frequent as the rarest")
    return ", ".join(parts)


def _label_rows(
    layer: Layer, total: LayerCoverage, files: Sequence[Coverage], n_labels: int
) -> list[tuple[str, ...]]:
    ranked = [label for label, _ in total.labels.most_common()]
    shown = ranked[: n_labels or None]
    rows = []
    for label in shown:
        counts = [f"{f.layers[layer].labels[label]:,}" if layer in f.layers else "" for f in files]
        rows.append((label, *counts))
    if len(ranked) > len(shown):
        rows.append((f"and {len(ranked) - len(shown):,} more", *("" for _ in files)))
    return rows


def _value_rows(layer: Layer, files: Sequence[Coverage]) -> list[tuple[str, ...]]:
    found = [f.layers[layer].numbers if layer in f.layers else None for f in files]
    return [
        (name, *(f"{getattr(numbers, name):.4g}" if numbers else "" for numbers in found))
        for name in _OF_VALUES
    ]


def _to_json(train: Sequence[Coverage], held_out: Sequence[Coverage]) -> dict[str, Any]:
    """What the tables show, for machines."""
    files = [*train, *held_out]
    known = combine(train)
    return {
        "train": [_file_to_json(file) for file in train],
        "held_out": [
            {
                **_file_to_json(file),
                "unseen_labels": [
                    {**_layer_name(layer), "labels": labels}
                    for layer, labels in unseen_labels(known, file).items()
                ],
            }
            for file in held_out
        ],
        "identical_texts": [
            {"files": [str(a.path), str(b.path)], "texts": a.texts_in_common(b)}
            for a, b in combinations(files, 2)
        ],
        "warnings": [finding._asdict() for finding in audit(train, held_out)],
    }


def _file_to_json(file: Coverage) -> dict[str, Any]:
    return {
        "path": str(file.path),
        "docs": file.docs,
        "tokens": file.tokens,
        "sentences": file.sentences or None,
        "duplicates": file.duplicates,
        "layers": [_layer_to_json(file, layer, found) for layer, found in file.layers.items()],
    }


def _layer_to_json(file: Coverage, layer: Layer, found: LayerCoverage) -> dict[str, Any]:
    described = {
        **_layer_name(layer),
        "unit": layer.unit,
        "labelled": found.units,
        "share": file.share(layer),
        "labels": dict(found.labels.most_common()),
        "imbalance": found.imbalance,
    }
    if layer.kind == "cats":
        described["exclusive"] = found.exclusive
    if layer.kind == "spans":
        described["overlapping"] = found.overlapping
    if found.sentences:
        described["sentences"] = found.sentences
        described["sentences_per_doc"] = found.sentences_per_doc
    if found.trees is not None:
        described["trees"] = asdict(found.trees.counts)
    if found.numbers.n:
        described.update({name: getattr(found.numbers, name) for name in _OF_VALUES})
    return described


def _layer_name(layer: Layer) -> dict[str, Any]:
    grouped = layer.kind in ("spans", "cats", "values")
    return {"layer": layer.kind, "group": layer.group if grouped else None}
