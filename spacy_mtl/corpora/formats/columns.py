"""One token per line in columns, as in CoNLL-2003, IOB2 files and Universal NER."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ...errors import FormatError, MTLError
from ..alignment import AlignmentError, align, spaces_between
from ..records import ReadOptions, Record
from ._comments import CommentReader
from ._text import Item, Line, attempt, blocks, features, missing, missing_ner, require_text

COLUMNS = ("form", "tag", "pos", "morph", "ner", "id", "_")
UNIVERSAL_NER = ("id", "form", "ner")
_BORDER = "-DOCSTART-"
_ID = re.compile(r"(?P<word>[0-9]+)|[0-9]+[-.][0-9]+")


def read(path: Path, options: ReadOptions) -> Iterator[Item]:
    """The sentences between blank lines, documents beginning at -DOCSTART- or `# newdoc`.

    Lines that begin with "#" are comments if the first column is `id`, tokens if it is not.
    """
    layout = _Layout(path, _column_names(path, options))
    comments = CommentReader(options.cats_from)
    n_borders = 0
    for block in blocks(path):
        rows = [line for line in block if not layout.is_comment(line)]
        comments.read(line.text for line in block if layout.is_comment(line))
        for sentence in _split_at_borders(rows):
            if sentence[0].text.startswith(_BORDER):
                n_borders += 1
                continue
            item = attempt(partial(_sentence, sentence, layout, comments.comments.get("text")))
            if isinstance(item, Record):
                item.classes = comments.classes
                item.document = comments.document + n_borders
            yield item


def _column_names(path: Path, options: ReadOptions) -> tuple[str, ...]:
    names = options.columns or (UNIVERSAL_NER if path.suffix.lower() == ".iob2" else ())
    if not names:
        raise MTLError(
            f"Expected names for the columns of {path}, got none. "
            "Name them, as in --columns form,tag,_,ner."
        )
    wrong = [name for name in names if name not in COLUMNS]
    if wrong or "form" not in names:
        raise MTLError(
            f"Expected columns out of {', '.join(COLUMNS)} with 'form' among them, "
            f"got {','.join(names)}."
        )
    if len(set(names) - {"_"}) < len([name for name in names if name != "_"]):
        raise MTLError(f"Expected each column once, got {','.join(names)}.")
    return names


def _split_at_borders(rows: list[Line]) -> Iterator[list[Line]]:
    sentence: list[Line] = []
    for row in rows:
        if row.text.startswith(_BORDER):
            if sentence:
                yield sentence
            yield [row]
            sentence = []
        else:
            sentence.append(row)
    if sentence:
        yield sentence


class _Layout:
    """The columns of a file: their names, their separator, and how many there are."""

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self.path = path
        self.names = names
        self.n_columns: int | None = None
        self.first_line = 0
        self.tabs = False

    def is_comment(self, line: Line) -> bool:
        return self.names[0] == "id" and line.text.startswith("#")

    def split(self, row: Line) -> dict[str, str]:
        """The values of a row by the names of their columns."""
        text = require_text(row.text, self.path, row.number)
        if self.n_columns is None:
            self.tabs = "\t" in text
        values = text.split("\t") if self.tabs else [part for part in text.split(" ") if part]
        if self.n_columns is None:
            self._set_size(len(values), row)
        if len(values) != self.n_columns:
            raise FormatError(
                f"Expected {self.n_columns} columns separated by "
                f"{'tabs' if self.tabs else 'spaces'} as on line {self.first_line}, "
                f"got {len(values)}.",
                self.path,
                row.number,
            )
        return dict(zip(self.names, values, strict=False))

    def _set_size(self, n_columns: int, row: Line) -> None:
        if n_columns < len(self.names):
            raise FormatError(
                f"Expected at least {len(self.names)} columns ({','.join(self.names)}), "
                f"got {n_columns}. Name the columns that there are, with '_' for one to pass "
                "over.",
                self.path,
                row.number,
            )
        self.n_columns = n_columns
        self.first_line = row.number


def _sentence(rows: list[Line], layout: _Layout, text: str | None) -> Record:
    numbered = [(row.number, layout.split(row)) for row in rows]
    if "id" in layout.names:
        numbered = [(n, row) for n, row in numbered if _is_word(row["id"], layout.path, n)]
    if not numbered:
        raise FormatError("Expected a word, got none.", layout.path, rows[0].number)
    words = [row["form"] for _, row in numbered]
    record = Record(
        line=rows[0].number,
        is_sentence=True,
        words=words,
        token_lines=[number for number, _ in numbered],
        spaces=_spaces(words, text),
    )
    if "tag" in layout.names:
        record.tags = [missing(row["tag"]) for _, row in numbered]
    if "pos" in layout.names:
        record.pos = [missing(row["pos"]) for _, row in numbered]
    if "morph" in layout.names:
        record.morphs = [features(row["morph"]) for _, row in numbered]
    if "ner" in layout.names:
        record.ner = [missing_ner(row["ner"]) for _, row in numbered]
    return record


def _is_word(id: str, path: Path, line: int) -> bool:
    """Whether it is a word's ID and not, as in CoNLL-U, a multiword token's (1-2) or an empty
    node's (1.1)."""
    match = _ID.fullmatch(id)
    if match is None:
        raise FormatError(f"Expected an ID like 1, 1-2 or 1.1, got {id!r}.", path, line)
    return match["word"] is not None


def _spaces(words: list[str], text: str | None) -> list[bool] | None:
    if text is None:
        return None
    try:
        return spaces_between(align(words, text), text)
    except AlignmentError:  # `# text` writes multiword tokens in their own form
        return None
