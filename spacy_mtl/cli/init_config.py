"""`spacy mtl init-config`: a training config for the annotation that there is."""

from __future__ import annotations

import json
import shlex
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option
from wasabi import Printer

from ..config_files import config_text, with_comments
from ..configs.proposal import Proposal, propose
from ..corpora.audit import audit
from ..corpora.coverage import combine, files_of, measure_all
from ..errors import MTLError
from ..files import write_whole
from ._app import app
from ._options import Code, again, names_in
from ._printing import print_findings, print_table


class Encoder(str, Enum):
    """The values of --encoder."""

    cnn = "cnn"
    transformer = "transformer"


class Optimize(str, Enum):
    """The values of --optimize."""

    efficiency = "efficiency"
    accuracy = "accuracy"


OutputPath = Annotated[
    Path,
    Argument(metavar="OUTPUT", dir_okay=False, help="The config to write; its folder is made."),
]
Train = Annotated[
    list[Path],
    Option(
        metavar="FILE",
        exists=True,
        help="Training file (.spacy), or a folder of them, each of which is taken as a corpus "
        "of its own; can be given repeatedly.",
    ),
]
Dev = Annotated[
    Path,
    Option(metavar="FILE", exists=True, help="File (.spacy) to choose the best model on."),
]
OptimizeOption = Annotated[
    Optimize,
    Option(
        "--optimize",
        "-o",
        help="A small and fast encoder, or a larger one, with word vectors if the package "
        "with those that spaCy recommends is installed.",
    ),
]
Gpu = Annotated[
    bool,
    Option(
        "--gpu",
        "-G",
        help="A config for a GPU; without --encoder, with the transformer that spaCy recommends, "
        "by spacy-transformers.",
    ),
]
EncoderOption = Annotated[
    Encoder | None,
    Option(
        "--encoder",
        "-e",
        help="A convolutional encoder that begins at random, or a pretrained transformer, on a "
        "CPU or with --gpu on a GPU.",
    ),
]
Transformer = Annotated[
    str | None,
    Option(metavar="NAME_OR_FOLDER", help="The transformer, by its name on the hub or its folder."),
]
MainTask = Annotated[
    str | None,
    Option(metavar="TASK", help="The task that alone chooses the best model; default: all."),
]
Tasks = Annotated[
    str,
    Option(
        metavar="NAMES",
        help="Names of tasks, joined by commas, out of those that the files have something to "
        "learn for; default: all. Training files without anything for them are left out.",
    ),
]
Values = Annotated[
    list[str] | None,
    Option(
        metavar="KEY",
        help="Key of doc.cats that is a value, as of a rating, although it is only ever 0 or 1. "
        "For several give it repeatedly, or the keys joined by commas. Keys with other numbers "
        "are values anyway.",
    ),
]
Lang = Annotated[str, Option("--lang", "-l", help="Code of the language.")]
Force = Annotated[bool, Option("--force", "-F", help="Replace what is there.")]


@app.command("init-config")
def init_config(
    output_path: OutputPath,
    train: Train,
    dev: Dev,
    optimize: OptimizeOption = Optimize.efficiency,
    encoder: EncoderOption = None,
    transformer: Transformer = None,
    gpu: Gpu = False,
    tasks: Tasks = "",
    main_task: MainTask = None,
    values: Values = None,
    lang: Lang = "en",
    force: Force = False,
    code: Code = None,
) -> None:
    """Write a config that trains one pipeline on all of the files' annotation.

    Each layer that a training file has becomes a task: tags, parts of speech, morphology,
    lemmas, parses, entities, each group of spans, each group of classes, each value. Their labels
    are written into the folder OUTPUT_labels beside the config. Several training files are mixed,
    each with the layers that it has, the small ones more often than by their size. Of several
    tasks, each stops when it has learned enough. Everything else is as `spacy init config` has
    it, but for averaged parameters. With --transformer it is a recipe for fine-tuning, in which
    no task stops. The paths are in [paths] as they were given: train from
    the same folder, or override them.

    \b
    Examples:
      spacy mtl init-config config.cfg --train train.spacy --dev dev.spacy
      spacy mtl init-config config.cfg --train gum.spacy --train reviews.spacy --dev dev.spacy
      spacy mtl init-config config.cfg --train train.spacy --dev dev.spacy --gpu --lang de
      spacy mtl init-config config.cfg --train train.spacy --dev dev.spacy --transformer folder
      spacy mtl init-config config.cfg --train train.spacy --dev dev.spacy --tasks tagger,ner
    """
    if transformer is not None and encoder is Encoder.cnn:
        raise typer.BadParameter("Expected --transformer without --encoder cnn.")
    labels_path = output_path.with_name(f"{output_path.stem}_labels")
    names = [name.strip() for name in tasks.split(",") if name.strip()]
    if not force:
        _check_new(output_path, labels_path)
    files = [*files_of(train), dev]
    *train_files, dev_file = measure_all(files, True, names_in(",".join(values or ())))
    proposal = propose(
        train_files,
        dev_file,
        labels_path,
        lang=lang,
        optimize=optimize.value,
        gpu=gpu,
        encoder=encoder.value if encoder else None,
        transformer=transformer,
        main_task=main_task,
        names=names,
    )
    _write(proposal, output_path, labels_path)
    _print_summary(proposal)
    layers = [task.layer for task in proposal.tasks] if names else None
    learned_from = [*proposal.corpora.values()]
    print_findings([*audit(learned_from, [dev_file], layers), *proposal.findings])
    _print_next(output_path, gpu, code)


def _check_new(*paths: Path) -> None:
    for path in paths:
        if path.exists():
            raise MTLError(f"Expected to write a new {path}, but it exists. --force replaces it.")


def _write(proposal: Proposal, output_path: Path, labels_path: Path) -> None:
    """Write the labels, and last the config that names their files."""
    for task in (task for task in proposal.tasks if task.labels):
        labels = json.dumps(task.labels, indent=2, ensure_ascii=False)
        write_whole(labels_path / f"{task.name}.json", f"{labels}\n".encode())
    text = with_comments(config_text(proposal.config), proposal.comments)
    write_whole(output_path, text.encode())


def _print_summary(proposal: Proposal) -> None:
    printer = Printer()
    printer.divider("Tasks")
    print_table(
        ("Task", "Layer", "Score (weight)", "Labels", "Labelled units"),
        _task_rows(proposal),
        n_text_columns=3,
    )
    printer.divider("Training files")
    print_table(
        ("Name", "File", "Layers", "Docs"),
        [
            (name, str(file.path), ", ".join(map(str, file.layers)), f"{file.docs:,}")
            for name, file in proposal.corpora.items()
        ],
        n_text_columns=3,
    )
    for note in proposal.notes:
        message, _, addition = note.partition("\n\n")
        printer.info(message)
        if addition:  # as it is, without the line breaks of the printer
            typer.echo(f"\n{addition}\n")


def _task_rows(proposal: Proposal) -> list[tuple[str, ...]]:
    known = combine(proposal.corpora.values())
    weights = proposal.config["training"]["score_weights"]
    rows: list[tuple[str, ...]] = []
    for task in proposal.tasks:
        weight = weights.get(task.score)
        score = "not in the dev file" if weight is None else f"{task.score} ({weight:.2g})"
        units = f"{known[task.layer].units:,} {task.layer.unit}"
        labels = f"{len(task.labels):,}" if task.labels else "-"
        rows.append((task.name, str(task.layer), score, labels, units))
    return rows


def _print_next(output_path: Path, gpu: bool, code: Path | None) -> None:
    device = " --gpu-id 0" if gpu else ""
    printer = Printer()
    printer.divider("Next")
    printer.good(f"Wrote {output_path}. Train with:")
    written = shlex.quote(str(output_path))
    typer.echo(f"spacy train {written} --output training{device}{again(code)}")
