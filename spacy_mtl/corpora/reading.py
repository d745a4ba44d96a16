"""Annotated files in any format as Docs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab
from tqdm import tqdm

from ..errors import FormatError, MTLError
from ..layers import layer_named
from .answers import merge_answers
from .char_spans import clean_spans
from .checks import check_record
from .class_names import read_class_names
from .documents import DocBuilder, group_records
from .formats import Item, attempt, find_reader, may_hold_answers
from .labels import clean_labels
from .records import MISSING_LABELS, MISSING_VALUES, ReadOptions, Record
from .survey import Remarked, Survey, survey
from .values import clean_values

OnError = Callable[[FormatError], None]

_logger = logging.getLogger("spacy_mtl")


def read_docs(
    path: str | Path,
    nlp: Language | Vocab,
    *,
    format: str = "auto",
    columns: Iterable[str] = (),
    text_column: str = "text",
    cats_from: Iterable[str] = (),
    values_from: Iterable[str] = (),
    group_name: str = "",
    comments: str | None = None,
    ner_from: str = "",
    outside: bool = False,
    quotes: bool | None = None,
    missing: Iterable[str] | None = None,
    group: int = 1,
    layers: Iterable[str] | None = None,
    others_negative: bool = False,
    names: str | Path | None = None,
    overlaps: str = "",
    on_error: str | OnError = "stop",
    progress: bool = False,
) -> DocStream:
    """Read an annotated file as Docs, in the order of the file.

    It is read twice: first for what only the whole of it can tell (the layers that it has, the
    labels of its class groups, the scheme of its entity tags), then for the Docs. Yes/no answers
    on one text, as Prodigy writes them, are one Doc in the place of the first.

    path: The file.
    nlp: Tokenizes texts that come without tokens; for tokenized files a vocab will do.
    format: a name in the registry `mtl_formats`, or "auto": "columns" if these are named, or else
        the one that goes with the file's suffix.
    columns: Names of the columns in the format "columns": form, tag, pos, morph, ner, id, and
        "_" for one to pass over.
    text_column: Name of the column with the text in the format "csv".
    cats_from: Names of the comments, fields or columns that hold one class group each; its
        labels become the keys "NAME=value".
    values_from: Names of those that hold a number each, as of a rating, which become values at
        the keys NAME.
    group_name: Name of the class group of `label` or `labels`, whose keys are bare without it.
    comments: What comment lines begin with in the formats "columns" and "iob", beside those with
        "#" that cannot be tokens; "" if no line is a comment.
    ner_from: Name of the key in MISC (CoNLL-U), whatever its case, or the field (JSONL) that holds
        the entity tags; "" for one of the known ones.
    outside: Whether tokens without an entity tag, in a file with such tags, and texts with an
        empty file of brat's, are known to be outside of entities ("O"). They are missing otherwise.
    quotes: Whether quotes enclose the fields of a CSV or TSV file, as in CSV, or are characters
        like others. None finds it out: between tabs they are characters, unless the file has
        the header's number of columns in each row only with them, or doubles them in fields.
    missing: Labels of tokens, values of class groups and what stands in the place of numbers that
        stand for a missing one; None for `MISSING_LABELS`, without -1 in the place of numbers.
    group: Number of consecutive sentences in a Doc, which never crosses the border of a source
        document; 0 for whole source documents.
    layers: The layers that the file vouches for (see `spacy_mtl.layers`), by default all that it
        has. Any other stays missing, but for the sentences of a file of tokens.
    others_negative: Whether categories that a document does not give are 0.0, if it gives any of
        the same class group; otherwise they are missing.
    names: A file with the names of classes that the file gives by number, see `read_class_names`.
    overlaps: Key of a span group to which all entities that the file gives by offsets go, so
        that they may overlap.
    on_error: "stop" raises the first error; "skip" logs each and leaves the sentence or
        document out; a function is called with each instead of logging it.
    progress: Whether to show a progress bar, if stderr is a terminal.
    RAISES (FormatError): If the file is not as its format wants it.
    RAISES (MTLError): If an argument is wrong.
    """
    path = Path(path)
    if group < 0:
        raise MTLError(f"Expected 0 or more sentences to a Doc as group, got {group}.")
    handle = _error_handler(on_error)
    groups, values = tuple(cats_from), tuple(values_from)
    if both := sorted({*groups} & {*values}):
        raise MTLError(
            f"Expected names of either classes (--cats-from) or values (--values-from), got "
            f"{', '.join(both)} as both."
        )
    given = None if missing is None else tuple(missing)
    options = ReadOptions(
        columns=tuple(columns),
        text_column=text_column,
        cats_from=groups,
        values_from=values,
        group_name=group_name,
        comments=comments,
        ner_from=ner_from,
        outside=outside,
        quotes=quotes,
        missing=MISSING_LABELS if given is None else given,
        missing_values=MISSING_VALUES if given is None else given,
        class_names=read_class_names(Path(names)) if names else {},
    )
    if format == "auto" and options.columns:
        format = "columns"
    reader = partial(find_reader(format, path), path, options)
    clean = partial(_clean, reader, path, options)
    answers = merge_answers(_records(clean(), _ignore)) if may_hold_answers(path) else {}
    read = partial(_read, clean, answers, path, overlaps)
    first_pass = _with_progress(read(), "Scanning" if progress else "")
    found = survey(_records(first_pass, _raise if on_error == "stop" else _ignore))
    builder = DocBuilder(nlp, path, found, _choose_layers(layers, found, path), others_negative)
    items = _with_progress(read(), "Converting" if progress else "")
    docs = DocStream(items, builder, group, handle)
    docs.remarks = found.remarks
    docs.absent_groups = tuple(
        name for name in (*groups, *values) if name not in {*found.labels, *found.values}
    )
    docs.layers = builder.layers
    return docs


class DocStream(Iterator[Doc]):
    """The Docs of a file, one at a time.

    rejected (int): How many records were passed over so far as their annotator rejected them.
    errors (int): How many sentences or documents were left out so far because of an error.
    absent_groups (Tuple[str, ...]): The class groups and values asked for that the file lacks.
    layers (FrozenSet[str]): Those that the Docs may have.
    remarks (Dict[str, Remarked]): What was seen and not used, or read in a way that may surprise.
    """

    absent_groups: tuple[str, ...] = ()
    layers: frozenset[str] = frozenset()
    remarks: Mapping[str, Remarked] = {}

    def __init__(
        self, items: Iterable[Item], builder: DocBuilder, group: int, on_error: OnError
    ) -> None:
        self.rejected = 0
        self.errors = 0
        self._on_error = on_error
        self._docs = self._build(items, builder, group)

    def __next__(self) -> Doc:
        return next(self._docs)

    def _build(self, items: Iterable[Item], builder: DocBuilder, group: int) -> Iterator[Doc]:
        n_docs = 0
        for records in group_records(self._checked(items, builder), group):
            try:
                doc = builder.build(records)
            except FormatError as error:
                self._leave_out(error)
            else:
                n_docs += 1
                yield doc
        if n_docs == 0:
            raise FormatError(
                f"Expected at least one sentence or document, got none ({self.errors} with "
                f"errors, {self.rejected} rejected).",
                builder.path,
            )

    def _checked(self, items: Iterable[Item], builder: DocBuilder) -> Iterator[Record]:
        for record in _records(items, self._leave_out):
            if record.rejected:
                self.rejected += 1
                continue
            try:
                checked = check_record(record, builder.path, builder.survey.scheme)
            except FormatError as error:
                self._leave_out(error)
            else:
                yield checked

    def _leave_out(self, error: FormatError) -> None:
        self._on_error(error)
        self.errors += 1


def _clean(
    reader: Callable[[], Iterator[Item]], path: Path, options: ReadOptions
) -> Iterator[Item]:
    """The items of a file with clean labels."""
    missing, values = frozenset(options.missing), frozenset(options.missing_values)

    def clean(record: Record) -> Record:
        record = clean_labels(record, missing, options.outside, path)
        return clean_values(clean_spans(record, missing), values, path)

    for item in reader():
        yield attempt(partial(clean, item)) if isinstance(item, Record) else item


def _read(
    clean: Callable[[], Iterator[Item]],
    answers: Mapping[int, Record | None],
    path: Path,
    overlaps: str,
) -> Iterator[Item]:
    """The items of a file with its answers put together, see `merge_answers`, and with its
    entities in the span group `overlaps` if it is named."""
    for item in clean():
        if isinstance(item, Record) and item.partial and not item.rejected:
            merged = answers.get(item.document, item)
            if merged is None:
                continue
            item = merged
        if overlaps and isinstance(item, Record) and item.ents is not None:
            item = attempt(partial(_moved_to_group, item, overlaps, path))
        yield item


def _moved_to_group(record: Record, key: str, path: Path) -> Record:
    """The record with its entities in a span group."""
    if key in (record.spans or ()):
        raise FormatError(
            f"Expected no span group {key!r}, to which all entities are to go, got one. "
            "Name another (--overlaps).",
            path,
            record.line,
        )
    spans = {**(record.spans or {}), key: record.ents or []}
    if record.unlabelled and not record.ents:
        del spans[key]  # nothing is known
    return replace(record, ents=None, spans=spans)


def _records(items: Iterable[Item], on_error: OnError) -> Iterator[Record]:
    for item in items:
        if isinstance(item, FormatError):
            on_error(item)
        else:
            yield item


def _with_progress(items: Iterable[Item], description: str) -> Iterable[Item]:
    if not description:
        return items
    return tqdm(items, desc=description, unit=" records", leave=False, disable=None)


def _choose_layers(layers: Iterable[str] | None, found: Survey, path: Path) -> frozenset[str]:
    if layers is None:
        return found.layers
    chosen = frozenset(layers)
    for layer in chosen:
        layer_named(layer)
    absent = sorted(chosen - found.layers)
    unread = [what for layer in absent for what in _unread(layer, found)]
    if absent and (found.labelled or unread):  # else nothing is labelled: that is said
        how = f"In it the {'; the '.join(unread)}. Correct that, or leave" if unread else "Leave"
        raise FormatError(
            f"Expected a file with the chosen layers {', '.join(sorted(chosen))}, got one with "
            f"{', '.join(sorted(found.layers)) or 'none'}. {how} out {', '.join(absent)}.",
            path,
        )
    return chosen


def _unread(layer: str, found: Survey) -> list[str]:
    """What was said of fields that should have a layer."""
    fields = tuple(f"field {name!r} was not read" for name in layer_named(layer).fields)
    return [what for what in found.remarks if what.startswith(fields)]


def _error_handler(on_error: str | OnError) -> OnError:
    if callable(on_error):
        return on_error
    if on_error not in ("stop", "skip"):
        raise MTLError(f"Expected 'stop', 'skip' or a function as on_error, got {on_error!r}.")
    return _raise if on_error == "stop" else _log


def _raise(error: FormatError) -> None:
    raise error


def _log(error: FormatError) -> None:
    _logger.warning("left out: %s", error)


def _ignore(error: FormatError) -> None:
    pass
