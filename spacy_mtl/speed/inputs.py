"""What is given to a measurement of speed: systems of pipelines, and documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, DocBin

from ..corpora.coverage import files_of
from ..corpora.reading import read_docs
from ..errors import MTLError
from ..languages import blank

Words = tuple[list[str], list[bool]]  # of a document, and whether a space follows each


@dataclass(frozen=True)
class Pipeline:
    """A path or package name, and config overrides (dotted keys) to load it with."""

    path: str
    overrides: dict[str, Any]


def parse_system(text: str) -> list[Pipeline]:
    """The pipelines that a text such as `tagger+ner@components.ner.model.width=64` names.

    "+" joins pipelines that run one after the other. Behind "@" stand config overrides, with
    commas between; a value that is not JSON is a string. An existing path is taken as it is.
    RAISES (MTLError): If a name, or the key or value of an override, is missing.
    """
    if text and Path(text).exists():
        return [Pipeline(text, {})]
    pipelines = []
    end = -1
    while end < len(text):
        path, end = _until("+@", text, end + 1)
        if not path:
            raise MTLError(f"Expected a path or package name before and after each +, got {text}.")
        overrides = {}
        while text[end : end + 1] in ("@", ","):
            key, end = _until("=", text, end + 1)
            if not key or end == len(text):
                raise MTLError(f"Expected KEY=VALUE after @ and after each comma, got {text}.")
            overrides[key], end = _parse_value(text, end + 1)
        pipelines.append(Pipeline(path, overrides))
    return pipelines


def _parse_value(text: str, start: int) -> tuple[Any, int]:
    """The value that starts there, and where it ends."""
    try:
        value, end = json.JSONDecoder().raw_decode(text, start)
    except ValueError:
        return _until(",+", text, start)
    return (value, end) if text[end : end + 1] in ("", ",", "+") else _until(",+", text, start)


def _until(signs: str, text: str, start: int) -> tuple[str, int]:
    """What stands before the first of the signs, and where that is; or else all the rest."""
    ends = [i for sign in signs if (i := text.find(sign, start)) >= 0]
    end = min(ends, default=len(text))
    return text[start:end], end


def read_words(path: Path, lang: str, limit: int | None) -> list[Words]:
    """Each document's words, and whether a space follows each.

    lang: Code of the language whose tokenizer splits texts that come without tokens.
    limit: Read only the first documents.
    RAISES (MTLError): If they cannot be read, or have no words.
    """
    if not path.exists():
        raise MTLError(f"Expected a file with documents, but {path} does not exist.")
    docs = islice(_read(path, blank(lang)), limit)
    documents = [([t.text for t in doc], [bool(t.whitespace_) for t in doc]) for doc in docs]
    if not any(words for words, _ in documents):
        raise MTLError(
            f"Expected documents with words in {path}, got {len(documents)} documents without any."
        )
    return documents


def _read(path: Path, nlp: Language) -> Iterator[Doc]:
    if not (path.is_dir() or path.suffix == ".spacy"):
        yield from read_docs(path, nlp)
        return
    for file in files_of([path]):
        try:
            stored = DocBin().from_disk(file)
        except (ValueError, KeyError, TypeError) as error:
            raise MTLError(
                f"Expected Docs in spaCy's binary format (DocBin) in {file}, got something else "
                "or a damaged file."
            ) from error
        yield from stored.get_docs(nlp.vocab)
