"""What every record must keep to before it becomes part of a Doc, whatever its format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import FormatError
from ..morphology import is_features
from .formats import require_text
from .records import COLUMNS, Record
from .schemes import TagError, to_iob2

UPOS = (
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM",
    "PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X",
)  # fmt: skip
_POS = {*UPOS, "SPACE"}  # SPACE is spaCy's, for tokens of whitespace


def check_record(record: Record, path: Path, scheme: str) -> Record:
    """The record with its entity tags in IOB2.

    path: The file, for messages.
    scheme: The scheme of the file's entity tags.
    RAISES (FormatError): If the record cannot become (part of) a Doc.
    """
    _check_text(record, path)
    _check_lengths(record, path)
    for i, pos in enumerate(record.pos or ()):
        if pos is not None and pos not in _POS:
            raise FormatError(
                f"Expected a universal part of speech ({', '.join(UPOS)}), got {pos!r}. "
                "A tagset of its own belongs to the tags.",
                path,
                record.line_of(i),
            )
    for i, morph in enumerate(record.morphs or ()):
        if morph and not is_features(morph):
            raise FormatError(
                f"Expected features like 'Case=Nom|Number=Sing', got {morph!r}.",
                path,
                record.line_of(i),
            )
    if record.ner is None:
        return record
    try:
        return replace(record, ner=to_iob2(record.ner, scheme))
    except TagError as error:
        raise FormatError(str(error), path, record.line_of(error.index)) from error


def _check_text(record: Record, path: Path) -> None:
    if record.words is None:
        if not (record.text or "").strip():
            raise FormatError("Expected a text, got an empty one.", path, record.line)
        require_text(record.text or "", path, record.line)
    elif not record.words:
        raise FormatError("Expected tokens, got none.", path, record.line)
    for i, word in enumerate(record.words or ()):
        if not word:
            raise FormatError("Expected a token, got an empty one.", path, record.line_of(i))
        require_text(word, path, record.line_of(i))
    for values in (*record.classes.values(), *record.judged.values()):
        for value in values:
            require_text(value, path, record.line)


def _check_lengths(record: Record, path: Path) -> None:
    n_words = len(record.words or ())
    for name in (*COLUMNS, "heads"):
        values = getattr(record, name)
        if values is not None and len(values) != n_words:
            raise FormatError(
                f"Expected {n_words} {name}, as many as there are tokens, got {len(values)}.",
                path,
                record.line,
            )
