"""The columns of a token: their names, what separates them, and the record of a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...errors import FormatError, MTLError
from ..alignment import AlignmentError, align, spaces_between
from ..records import Record
from ._text import (
    Line,
    features,
    missing,
    missing_ner,
    relation,
    require_text,
)

# How each column that is of a token's layer is read, and where a record has it.
_READ: dict[str, tuple[str, Callable[[str], Any]]] = {
    "tag": ("tags", missing),
    "pos": ("pos", missing),
    "morph": ("morphs", features),
    "lemma": ("lemmas", missing),
    "ner": ("ner", missing_ner),
}
COLUMNS = ("form", *_READ, "head", "dep", "id", "_")
_ID = re.compile(r"(?P<word>[0-9]+)|[0-9]+[-.][0-9]+")
_SEPARATORS = {"\t": "tabs", " ": "spaces", "|": "'|'"}


def check_names(names: Sequence[str]) -> None:
    """Raise an `MTLError` if these are no names of columns."""
    wrong = [name for name in names if name not in COLUMNS]
    if wrong or "form" not in names:
        raise MTLError(
            f"Expected columns out of {', '.join(COLUMNS)} with 'form' among them, "
            f"got {','.join(names)}."
        )
    if ("head" in names) != ("dep" in names):
        raise MTLError(f"Expected both columns, head and dep, or none, got {','.join(names)}.")
    if len(set(names) - {"_"}) < len([name for name in names if name != "_"]):
        raise MTLError(f"Expected each column once, got {','.join(names)}.")


class Layout:
    """The columns of a file: their names, their separator, and how many there are.

    path: The file.
    names: The names of the first columns.
    sample: The token that tells the separator and the number of columns.
    separator: A tab, a space (and any number of these) or "|"; "" if the sample tells it.
    """

    def __init__(self, path: Path, names: Sequence[str], sample: Line, separator: str = "") -> None:
        self.path = path
        self.names = tuple(names)
        self.separator = separator or ("\t" if "\t" in sample.text else " ")
        self.first_line = sample.number
        self.n_columns = len(self.values(sample.text))

    def values(self, text: str) -> list[str]:
        """The values of a token by their order."""
        if self.separator == " ":
            return [part for part in text.split(" ") if part]
        if self.separator == "|":  # a form can have some of its own
            return text.rsplit("|", len(self.names) - 1)
        return text.split("\t")

    def split(self, row: Line) -> dict[str, str]:
        """The values of a token by the names of their columns."""
        values = self.values(require_text(row.text, self.path, row.number))
        if len(values) != self.n_columns:
            raise FormatError(
                f"Expected {self.n_columns} columns separated by {_SEPARATORS[self.separator]} "
                f"as on line {self.first_line}, got {len(values)}.",
                self.path,
                row.number,
            )
        if len(values) < len(self.names):
            raise FormatError(
                f"Expected at least {len(self.names)} columns ({','.join(self.names)}), "
                f"got {len(values)}. Name the columns that there are, with '_' for one to pass "
                "over.",
                self.path,
                row.number,
            )
        return dict(zip(self.names, values, strict=False))


def sentence(tokens: Sequence[Line], layout: Layout, text: str | None = None) -> Record:
    """The record of a sentence.

    tokens: The source of each token and the number of its line.
    text: The text of the sentence, where the file has it.
    RAISES (FormatError): If a token does not have the columns, or there is no word.
    """
    numbered = [(row.number, layout.split(row)) for row in tokens]
    if "id" in layout.names:
        numbered = [(n, row) for n, row in numbered if _is_word(row["id"], layout.path, n)]
    if not numbered:
        raise FormatError("Expected a word, got none.", layout.path, tokens[0].number)
    words = [row["form"] for _, row in numbered]
    record = Record(
        line=tokens[0].number,
        is_sentence=True,
        words=words,
        token_lines=[number for number, _ in numbered],
        spaces=_spaces(words, text),
    )
    for name, (attribute, read) in _READ.items():
        if name in layout.names:
            setattr(record, attribute, [read(row[name]) for _, row in numbered])
    if "dep" in layout.names:
        pairs = [(row["head"], row["dep"]) for _, row in numbered]
        record.deps = [relation(*pair) for pair in pairs]
        record.heads = [head for head, _ in pairs]
        record.heads_from = 1
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
