"""Where documents to annotate come from: files, folders of files or stdin, one at a time.

Nothing is held but the document that is read, except of Parquet (a batch of rows) and of `.spacy`
(a file, which spaCy reads as a whole).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from spacy.vocab import Vocab

from ..confidences import CONFIDENCES
from ..corpora.formats import require_text
from ..corpora.stored import stored_docs
from ..errors import FormatError, MTLError
from ..values import forget_values
from .lines import MAX_LINE, SHOWN, Lines, LineTooLong
from .records import Source, Tokenized

STDIN = "-"

SUFFIXES = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".spacy": "spacy",
    ".tsv": "csv",
    ".txt": "text",
}
COMPRESSED = (".bz2", ".gz", ".xz", ".zip", ".zst")
FORMATS = ("jsonl", "csv", "parquet", "text", "spacy")


@dataclass(frozen=True)
class Input:
    """The files to annotate, all of one format.

    path: as it was given: a file, a folder, or "-" for stdin.
    files: one, or those of the folder in the order of their names; none for stdin.
    format: one of `FORMATS`.
    text_field: the field or column that holds the text.
    """

    path: Path
    files: tuple[Path, ...]
    format: str
    text_field: str

    @property
    def unit(self) -> str:
        """What `Source.number` counts."""
        return {"parquet": "row", "spacy": "document"}.get(self.format, "line")

    def sources(self, file: int = 0, ordinal: int = 0) -> Iterator[Source]:
        """All documents behind the first `ordinal` ones of a file.

        RAISES (MTLError): If a file cannot be read, or is not of its format at all.
        """
        for index, path in list(enumerate(self.files or (None,)))[file:]:
            skipped = ordinal if index == file else 0
            for n, source in enumerate(islice(self._read(path), skipped, None), start=skipped + 1):
                source.file, source.ordinal = index, n
                yield source

    def columns(self) -> list[str] | None:
        """The columns of a CSV file, None for another format.

        RAISES (MTLError): If a file's header is not right, or differs from another file's.
        """
        if self.format != "csv" or not self.files:
            return None
        headers = []
        for path in self.files:
            with path.open("rb") as stream:
                headers.append(_header(Lines(stream), path, self.text_field)[0])
            if headers[-1] != headers[0]:
                raise FormatError(
                    f"Expected the columns of {self.files[0]}, got {', '.join(headers[-1])}.", path
                )
        return headers[0]

    def _read(self, path: Path | None) -> Iterator[Source]:
        try:
            if path is None:
                yield from _LINE_FORMATS[self.format](sys.stdin.buffer, self)
            elif self.format == "parquet":
                from .parquet import read_rows

                yield from read_rows(path)
            elif self.format == "spacy":
                yield from _read_spacy(path)
            else:
                with path.open("rb") as stream:
                    yield from _LINE_FORMATS[self.format](stream, self)
        except OSError as error:
            raise MTLError(
                f"Expected to be able to read {path or 'stdin'}, got: {error.strerror or error}."
            ) from error


def open_input(path: str | Path, format: str = "auto", text_field: str = "text") -> Input:
    """Find the files and their format, which "auto" tells by the suffix.

    path: a file, a folder of files, or "-" for stdin, of which "auto" expects JSONL.
    RAISES (MTLError): If there is no such file, or the suffix does not tell.
    """
    if format not in ("auto", *FORMATS):
        raise MTLError(f"Expected a format out of auto, {', '.join(FORMATS)}, got {format!r}.")
    path = Path(path)
    if str(path) == STDIN:
        if format not in ("auto", *_LINE_FORMATS):
            raise MTLError(f"Expected {', '.join(_LINE_FORMATS)} from stdin, got {format}.")
        return Input(path, (), "jsonl" if format == "auto" else format, text_field)
    if not path.exists():
        raise MTLError(f"Expected a file or folder to annotate, got {path}, which is not there.")
    if path.suffix.lower() in COMPRESSED:
        raise MTLError(
            f"Expected a file that is not compressed, got {path}. Unpack it, or pipe it in: "
            f"zcat {path} | spacy mtl annotate MODEL - OUTPUT"
        )
    files = _files(path, format)
    if format == "auto":
        found = sorted({SUFFIXES[file.suffix.lower()] for file in files})
        if len(found) != 1:
            raise MTLError(
                f"Expected {path} to be or to hold files of one format ({', '.join(SUFFIXES)}), "
                f"got {', '.join(found) or 'none'}. Name it with --input-format."
            )
        format = found[0]
    return Input(path, tuple(files), format, text_field)


def _files(path: Path, format: str) -> list[Path]:
    wanted = {suffix for suffix, name in SUFFIXES.items() if format in ("auto", name)}
    if path.is_file():
        return [path] if format != "auto" or path.suffix.lower() in wanted else []
    files = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in wanted
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not files:
        raise MTLError(
            f"Expected files that end in {', '.join(sorted(wanted))} in {path}, got none."
        )
    return files


def _read_lines(stream: BinaryIO, content: Callable[[str], Any]) -> Iterator[Source]:
    lines = Lines(stream)
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except LineTooLong as error:
            yield Source(lines.number, str(error), _too_long())
        else:
            yield Source(lines.number, content(line.rstrip("\r\n")))


def _read_jsonl(stream: BinaryIO, source: Input) -> Iterator[Source]:
    """The lines that are not blank."""
    return (one for one in _read_lines(stream, str) if one.error or str(one.content).strip())


def _read_text(stream: BinaryIO, source: Input) -> Iterator[Source]:
    """All lines, so that the n-th document is the n-th line."""
    return _read_lines(stream, lambda line: {source.text_field: line})


def _read_csv(stream: BinaryIO, source: Input) -> Iterator[Source]:
    lines = Lines(stream)
    header, delimiter = _header(lines, source.path, source.text_field)
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE))  # of the process: only ever raised
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        number = lines.number + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Source(number, "", _quoting_error(error, number, lines.number))
        except LineTooLong as error:
            yield Source(number, str(error), _too_long())
        else:
            if len(row) == len(header):
                yield Source(number, dict(zip(header, row, strict=True)))
            elif row:
                columns = f"Expected {len(header)} columns as in the header, got {len(row)}."
                yield Source(number, delimiter.join(row)[:SHOWN], columns)


def _header(lines: Lines, path: Path, text_field: str) -> tuple[list[str], str]:
    """The names of the columns, and what is between them."""
    try:
        first = require_text(next(lines, ""), path, 1).rstrip("\r\n")
    except LineTooLong:
        raise FormatError("Expected a header, got a gigantic line.", path, 1) from None
    delimiter = max(",\t;", key=first.count)
    try:
        names = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
    except csv.Error as error:
        raise FormatError(f"Expected a header, got: {error}.", path, 1) from error
    if len(set(names)) < len(names) or text_field not in names:
        raise FormatError(
            f"Expected a header of different names with {text_field!r} among them, got "
            f"{', '.join(names) or 'none'}. Name the text with --text-field.",
            path,
            1,
        )
    return names, delimiter


def _read_spacy(path: Path) -> Iterator[Source]:
    for number, doc in enumerate(stored_docs(path, Vocab()), start=1):
        words = [token.text for token in doc]
        spaces = [bool(token.whitespace_) for token in doc]
        forget_values(doc)  # which is annotation, and made anew
        user_data = {key: value for key, value in doc.user_data.items() if key != CONFIDENCES}
        yield Source(number, Tokenized(words, spaces, user_data))


def _quoting_error(error: csv.Error, first: int, last: int) -> str:
    what = "fields with a delimiter, a quote or a line break in double quotes, and quotes doubled"
    where = f" This concerns all lines from {first} to {last}." if last > first else ""
    return f"Expected {what}; got: {error}.{where}"


def _too_long() -> str:
    return f"Expected a line of at most {MAX_LINE:,} characters, got a longer one. Split it."


_LINE_FORMATS: dict[str, Callable[[BinaryIO, Input], Iterator[Source]]] = {
    "jsonl": _read_jsonl,
    "csv": _read_csv,
    "text": _read_text,
}
