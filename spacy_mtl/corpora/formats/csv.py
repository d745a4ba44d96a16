"""CSV and TSV with a header: one text per row, its classes in other columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path

from ...errors import FormatError, MTLError
from ..class_names import name_classes
from ..records import VALUES, ReadOptions, Record
from . import jsonl
from ._cells import Cells
from ._quotes import enclose_fields, remarks
from ._text import Item, attempt, numbered_lines, require_text
from ._unused import unused_columns

_MAX_ROW = 2_000_000  # characters: twice what a text can have by nlp.max_length


def read(path: Path, options: ReadOptions) -> Iterator[Item]:
    """The rows of a file whose columns are separated by commas, tabs or semicolons.

    Quotes enclose fields, but between tabs only if that is how the file must be read.
    The classes are in the columns `cats_from`, or else in `label` where there is one, and numbers
    in the columns `values_from`. Cells that hold lists or objects are read as the fields of JSON
    lines.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_ROW))  # for all who use the module
    lines = _Lines(path)
    quoted = _is_quoted(path, lines.delimiter) if options.quotes is None else options.quotes
    rows = _reader(lines, quoted)
    header = _header(rows, path)
    classes = options.cats_from or (("label",) if _has_label(header, options) else ())
    cells = Cells(_complete_rows(path, quoted, header), classes, options)
    groups = _class_columns(path, header, options, cells)
    document = 0
    while True:
        line = lines.begin_row()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield _quoting_error(error, path, line)
            continue
        if row:
            item = attempt(partial(_record, row, header, groups, cells, options, path, line))
            if isinstance(item, Record):
                item.document = document
                item.remarks += remarks(row, "\n".join(lines.row), lines.delimiter, quoted)
            yield item
            document += 1


def _reader(lines: _Lines, quoted: bool) -> Iterator[list[str]]:
    return csv.reader(
        lines,
        delimiter=lines.delimiter,
        strict=True,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
    )


def _complete_rows(path: Path, quoted: bool, header: list[str]) -> Iterator[dict[str, str]]:
    """The rows of the whole file that are as its header wants them."""
    lines = _Lines(path)
    rows = islice(_reader(lines, quoted), 1, None)
    while True:
        lines.begin_row()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:
            continue
        if len(row) == len(header):
            yield dict(zip(header, row, strict=True))


class _Lines(Iterator[str]):
    """The lines of a file as the csv module wants them, each row no longer than `_MAX_ROW`.

    delimiter (str): The one that the first line has most of, in a .tsv file the tab if it has one.
    row (List[str]): The lines of the row that is being read.
    """

    def __init__(self, path: Path) -> None:
        lines = numbered_lines(path)
        first = list(islice(lines, 1))
        self.delimiter = _delimiter(path, first[0].text if first else "")
        self.row: list[str] = []
        self._lines = chain(first, lines)
        self._number = 0
        self._room = _MAX_ROW

    def begin_row(self) -> int:
        """Give the number of the line that the next row begins on."""
        self._room = _MAX_ROW
        self.row = []
        return self._number + 1

    def __next__(self) -> str:
        self._number, text = next(self._lines)
        self._room -= len(text)
        if self._room < 0:
            raise csv.Error(f"a row of more than {_MAX_ROW:,} characters")
        self.row.append(text)
        return f"{text}\n"


def _delimiter(path: Path, first: str) -> str:
    if path.suffix.lower() == ".tsv" and ("\t" in first or not {",", ";"} & {*first}):
        return "\t"
    return max(",\t;", key=first.count)


def _is_quoted(path: Path, delimiter: str) -> bool:
    """Whether quotes enclose fields, which between tabs they seldom do."""
    if delimiter != "\t":
        return True
    by_lines = enclose_fields(numbered_lines(path), delimiter)
    return _rows_fit(path, delimiter) if by_lines is None else by_lines


def _rows_fit(path: Path, delimiter: str) -> bool:
    """Whether the rows have the header's number of columns if quotes enclose fields."""
    lines = _Lines(path)
    n_columns = 0
    try:
        for row in csv.reader(lines, delimiter=delimiter, strict=True):
            lines.begin_row()
            n_columns = n_columns or len(row)
            if len(row) not in (0, n_columns):
                return False
    except csv.Error:
        return False
    return True


def _header(rows: Iterator[list[str]], path: Path) -> list[str]:
    try:
        return [require_text(name, path, 1).strip() for name in next(rows, [])]
    except csv.Error as error:
        raise _quoting_error(error, path, 1) from error


def _class_columns(
    path: Path, header: list[str], options: ReadOptions, cells: Cells
) -> dict[str, str]:
    """The name of the class group in each column that holds one."""
    groups = {name: name for name in options.cats_from}
    if not groups and _has_label(header, options):
        groups = {"label": options.group_name}
    quotes = ", and read quotes as in CSV with --quotes" if any('"' in n for n in header) else ""
    text = [] if cells.has_tokens and options.text_column not in header else [options.text_column]
    for name in (*text, *groups, *options.values_from):
        if header.count(name) != 1:
            raise FormatError(
                f"Expected one column {name!r} in the header, got {', '.join(header) or 'none'}. "
                "Name the text with --text-column, the classes with --cats-from and the values "
                f"with --values-from{quotes}.",
                path,
                1,
            )
    return groups


def _has_label(header: list[str], options: ReadOptions) -> bool:
    """Whether there is a column of classes that nobody has named."""
    return "label" in header and "label" not in options.values_from


def _quoting_error(error: csv.Error, path: Path, line: int) -> FormatError:
    return FormatError(
        f"Expected fields with a delimiter, a quote or a line break in double quotes, and quotes "
        f"in them doubled; got: {error}. With --no-quotes quotes are characters like others.",
        path,
        line,
    )


def _record(
    row: list[str],
    header: list[str],
    groups: dict[str, str],
    cells: Cells,
    options: ReadOptions,
    path: Path,
    line: int,
) -> Record:
    if len(row) != len(header):
        raise FormatError(
            f"Expected {len(header)} columns as in the header, got {len(row)}. "
            "Put a field that contains the delimiter in double quotes, and say --quotes if it is "
            "a tab.",
            path,
            line,
        )
    values = {
        name: require_text(value, path, line) for name, value in zip(header, row, strict=True)
    }
    if cells.names:
        record = _from_cells(values, cells, options, path, line)
    else:
        classes = _classes(values, groups, options, path, line)
        record = Record(line=line, text=values[options.text_column], classes=classes)
    if options.values_from:
        record.values[VALUES] = {name: values[name] for name in options.values_from}
    record.remarks += unused_columns(cells.unread(values), len(record.words or ()))
    return record


def _from_cells(
    values: dict[str, str], cells: Cells, options: ReadOptions, path: Path, line: int
) -> Record:
    try:
        fields, remarks = cells.as_fields(values)
        for text in jsonl.strings(fields):
            require_text(text, path, line)
    except FormatError:
        raise
    except MTLError as error:
        raise FormatError(str(error), path, line) from error
    record = jsonl.record(fields, path, line, options, cells.objects)
    record.remarks += remarks
    return record


def _classes(
    values: dict[str, str], groups: dict[str, str], options: ReadOptions, path: Path, line: int
) -> dict[str, list[str]]:
    fields: dict[str, str | None] = {name: values[name].strip() for name in groups}
    if options.class_names:
        try:
            fields = name_classes(fields, options.class_names, groups)
        except MTLError as error:
            raise FormatError(str(error), path, line) from error
    return {groups[name]: [value] for name, value in fields.items() if value}
