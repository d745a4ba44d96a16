"""`spacy mtl convert`: annotated files to `.spacy` files."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from textwrap import shorten
from typing import Any

import typer
from spacy.language import Language
from tqdm import tqdm

from ..corpora import Conversion, convert_file
from ..corpora.folder import Split, convert_folder, passed_over
from ..errors import FormatError
from ..languages import blank
from ..layers import table
from ._app import app
from ._convert_options import (
    CatsFrom,
    Columns,
    Comments,
    FormatOption,
    Group,
    GroupName,
    InputPath,
    Lang,
    Layers,
    Missing,
    Names,
    NerFrom,
    OnError,
    OnErrorOption,
    OthersNegative,
    OutputPath,
    Outside,
    Overlaps,
    Quotes,
    TextColumn,
    ValuesFrom,
)
from ._options import Code, names_in

_MAX_ERRORS_SHOWN = 20
_MAX_REMARKS = 20
_MAX_EXAMPLE = 60  # characters
_MAX_LISTED = 20


@app.command("convert")
def convert(
    input_path: InputPath,
    output_path: OutputPath,
    format: FormatOption = "auto",
    lang: Lang = "en",
    columns: Columns = "",
    text_column: TextColumn = "text",
    cats_from: CatsFrom = None,
    values_from: ValuesFrom = None,
    group_name: GroupName = "",
    comments: Comments = None,
    ner_from: NerFrom = "",
    outside: Outside = False,
    quotes: Quotes = None,
    missing: Missing = None,
    group: Group = 1,
    layers: Layers = "",
    others_negative: OthersNegative = False,
    names: Names = None,
    overlaps: Overlaps = "",
    on_error: OnErrorOption = OnError.stop,
    code: Code = None,
) -> None:
    """Convert annotated data into a .spacy file for training.

    What INPUT does not say stays missing in OUTPUT: a token without a tag, a sentence whose
    entities nobody looked for, a document without a class. A document with a class has all
    classes of its group as categories, 1.0 for its own and 0.0 for the others.

    \b
    CoNLL-U:  lemmas, XPOS, UPOS, FEATS, the parse, entity tags in MISC, classes as # NAME = value
    columns:  a token per line (CoNLL-2003, IOB2, Universal NER); IOB1, IOB2, BILUO, IOBES,
              BMES, IO
    iob:      spaCy's word|tag|iob or word|iob
    JSONL:    text or tokens; label, labels or cats; values; entities, spans or ner_tags; tags,
              pos, morphs, lemmas, heads and deps; sentences; layers of your own; Prodigy's
              yes/no answers and choices (options, accept)
    CSV/TSV:  a text, its classes and values per row, with a header
    exports:  doccano (jsonl), Label Studio (json, csv), INCEpTION's WebAnno TSV 3, brat (.ann)

    \b
    Examples:
      spacy mtl convert train.conllu train.spacy --group 10 --cats-from genre
      spacy mtl convert eng.train conll.spacy --format columns --columns form,tag,_,ner
      spacy mtl convert reviews.csv reviews.spacy --cats-from sentiment --values-from stars
      spacy mtl convert assets/ corpus/
    """
    groups, values = (names_in(",".join(given or ())) for given in (cats_from, values_from))
    options = {
        "format": format,
        "columns": names_in(columns),
        "text_column": text_column,
        "cats_from": groups,
        "values_from": values,
        "comments": comments,
        "group_name": group_name.strip(),
        "ner_from": ner_from.strip(),
        "outside": outside,
        "quotes": quotes,
        "missing": None if missing is None else names_in(missing),
        "group": group,
        "layers": names_in(layers) or None,
        "others_negative": others_negative,
        "names": names,
        "overlaps": overlaps,
    }
    done = _convert_all(input_path, output_path, blank(lang), on_error, options)
    for name in (*groups, *values):
        if all(name in conversion.absent_groups for conversion in done):
            typer.echo(f"no value of '{name}' in {input_path}: no document has it", err=True)
    if ner_from and not any(conversion.units["ents"] for conversion in done):
        typer.echo(f"no value of '{ner_from}' in {input_path}: no token has it", err=True)


def _convert_all(
    input_path: Path, output_path: Path, nlp: Language, on_error: OnError, options: dict[str, Any]
) -> list[Conversion]:
    """Convert a file or the files of a folder, with a summary of each."""
    done: list[Conversion] = []

    def convert_one(source: Path, target: Path, split: Split | None = None) -> None:
        done.append(_convert_one(source, target, nlp, on_error, options))
        shown = f"{source} ({split.name})" if split else str(target)
        typer.echo(_summary(done[-1], shown))
        if split and split.doubt:
            typer.echo(
                f"{source} is taken as {split.name}, though {split.doubt}; if that is wrong, "
                "rename it or put it into a folder train/, dev/ or test/",
                err=True,
            )
        if not any(n for layer, n in done[-1].units.items() if layer != "sents"):
            typer.echo(
                f"nothing in {source} is labelled; see --cats-from, --values-from, --columns",
                err=True,
            )

    if input_path.is_dir():
        of_one_format = options["format"] != "auto" or bool(options["columns"])
        convert_folder(input_path, output_path, convert_one, of_one_format)
        _report_folder(input_path, output_path, of_one_format)
    else:
        convert_one(input_path, output_path)
    return done


def _report_folder(folder: Path, output: Path, of_one_format: bool) -> None:
    left = [str(path.relative_to(folder)) for path in passed_over(folder, output, of_one_format)]
    if left:
        typer.echo(f"passed over, as no known format fits: {', '.join(left)}", err=True)
    typer.echo(f"Wrote {output}")


def _convert_one(
    source: Path, target: Path, nlp: Language, on_error: OnError, options: dict[str, Any]
) -> Conversion:
    """Convert a file, with the errors on stderr."""
    errors = _ErrorPrinter()
    handler = errors if on_error is OnError.skip else "stop"
    conversion = convert_file(source, target, nlp, on_error=handler, progress=True, **options)
    errors.finish()
    return conversion


class _ErrorPrinter:
    """Prints the first errors on stderr and counts the rest."""

    def __init__(self) -> None:
        self.n_errors = 0

    def __call__(self, error: FormatError) -> None:
        self.n_errors += 1
        if self.n_errors <= _MAX_ERRORS_SHOWN:
            tqdm.write(f"left out: {error}", file=sys.stderr)  # above the progress bar

    def finish(self) -> None:
        if self.n_errors > _MAX_ERRORS_SHOWN:
            typer.echo(f"left out: {self.n_errors - _MAX_ERRORS_SHOWN} more", err=True)


def _summary(conversion: Conversion, shown: str) -> str:
    lines = [f"{shown}: {conversion.docs:,} docs, {conversion.tokens:,} tokens"]
    labelled = {name: layer for name, layer in table().items() if conversion.units[name]}
    width = max(map(len, labelled), default=0)
    for name, layer in labelled.items():
        counted = layer.counted or layer.unit
        lines.append(f"  {name:<{max(width, 6)}} {conversion.units[name]:>11,} {counted} labelled")
    if conversion.rejected:
        lines.append(f"  {conversion.rejected:,} left out as rejected or ignored by the annotator")
    if conversion.errors:
        lines.append(f"  {conversion.errors:,} left out because of an error")
    for what, remarked in islice(conversion.remarks.items(), _MAX_REMARKS):
        example = shorten(remarked.example, _MAX_EXAMPLE, placeholder="...")
        if remarked.listed:
            lines += [f"  {what}: {remarked.records:,}", *_listed(remarked.listed)]
        else:
            lines.append(f"  {what}: {remarked.records:,} rows, such as {example!r}")
    if len(conversion.remarks) > _MAX_REMARKS:
        lines.append(f"  and {len(conversion.remarks) - _MAX_REMARKS} remarks more")
    return "\n".join(lines)


def _listed(examples: list[str]) -> list[str]:
    lines = [f"    {example}" for example in examples[:_MAX_LISTED]]
    more = len(examples) - _MAX_LISTED
    return lines + ([f"    and {more:,} more"] if more > 0 else [])
