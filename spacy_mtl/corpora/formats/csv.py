"""CSV and TSV with a header: one text per row, its classes in other columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path

from ...errors import FormatError
from ..records import ReadOptions, Record
from ._text import Item, attempt, numbered_lines, require_text

_MAX_ROW = 2_000_000  # characters: twice what a text can have by nlp.max_length


def read(path: Path, options: ReadOptions) -> Iterator[Item]:
    """The rows of a file whose columns are separated by commas, tabs or semicolons.

    The classes are in the columns `cats_from`, or else in `label` where there is one.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_ROW))  # for all who use the module
    lines = _Lines(path)
    rows = csv.reader(lines, delimiter=lines.delimiter, strict=True)
    header = _header(rows, path)
    groups = _class_columns(path, header, options)
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
            yield attempt(partial(_record, row, header, groups, options, path, line, document))
            document += 1


class _Lines(Iterator[str]):
    """The lines of a file as the csv module wants them, each row no longer than `_MAX_ROW`.

    delimiter (str): The one that the first line has most of.
    """

    def __init__(self, path: Path) -> None:
        lines = numbered_lines(path)
        first = list(islice(lines, 1))
        self.delimiter = max(",\t;", key=first[0].text.count) if first else ","
        self._lines = chain(first, lines)
        self._number = 0
        self._room = _MAX_ROW

    def begin_row(self) -> int:
        """Give the number of the line that the next row begins on."""
        self._room = _MAX_ROW
        return self._number + 1

    def __next__(self) -> str:
        self._number, text = next(self._lines)
        self._room -= len(text)
        if self._room < 0:
            raise csv.Error(f"a row of more than {_MAX_ROW:,} characters")
        return f"{text}\n"


def _header(rows: Iterator[list[str]], path: Path) -> list[str]:
    try:
        return [require_text(name, path, 1).strip() for name in next(rows, [])]
    except csv.Error as error:
        raise _quoting_error(error, path, 1) from error


def _class_columns(path: Path, header: list[str], options: ReadOptions) -> dict[str, str]:
    """The name of the class group in each column that holds one."""
    groups = {name: name for name in options.cats_from}
    if not groups and "label" in header:
        groups = {"label": options.group_name}
    for name in (options.text_column, *groups):
        if header.count(name) != 1:
            raise FormatError(
                f"Expected one column {name!r} in the header, got {', '.join(header) or 'none'}. "
                "Name the text with --text-column and the classes with --cats-from.",
                path,
                1,
            )
    return groups


def _quoting_error(error: csv.Error, path: Path, line: int) -> FormatError:
    return FormatError(
        f"Expected fields with a delimiter, a quote or a line break in double quotes, and quotes "
        f"in them doubled; got: {error}.",
        path,
        line,
    )


def _record(
    row: list[str],
    header: list[str],
    groups: dict[str, str],
    options: ReadOptions,
    path: Path,
    line: int,
    document: int,
) -> Record:
    if len(row) != len(header):
        raise FormatError(
            f"Expected {len(header)} columns as in the header, got {len(row)}. "
            "Put a field that contains the delimiter in double quotes.",
            path,
            line,
        )
    values = {
        name: require_text(value, path, line) for name, value in zip(header, row, strict=True)
    }
    return Record(
        line=line,
        text=values[options.text_column],
        classes={group: [values[name]] for name, group in groups.items()},
        document=document,
    )
