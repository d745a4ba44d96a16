"""The documents in a `.spacy` file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..errors import MTLError, one_line
from ..layers import table


def read_doc_bin(path: Path) -> DocBin:
    """What spaCy has written.

    RAISES (MTLError): If it is damaged or something else.
    """
    try:
        return DocBin().from_disk(path)
    except OSError as error:
        raise MTLError(f"Expected to be able to read {path}, got: {error.strerror}.") from error
    except Exception as error:  # of many types, from what unpacks it
        raise _damaged(path) from error


def stored_docs(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """The documents of a `.spacy` file.

    RAISES (MTLError): If it is damaged or something else.
    """
    yield from docs_of(read_doc_bin(path), path, vocab)


def docs_of(doc_bin: DocBin, path: Path, vocab: Vocab) -> Iterator[Doc]:
    """The documents of a `DocBin` that comes from this file."""
    table()  # makes the attributes known in which layers have what is read
    docs = doc_bin.get_docs(vocab)
    while True:
        try:
            doc = next(docs, None)
        except Exception as error:
            raise _damaged(path) from error
        if doc is None:
            return
        if not isinstance(doc.cats, dict) or not all(isinstance(key, str) for key in doc.cats):
            raise MTLError(
                f"Expected in {path} a dict with strings as keys as doc.cats, got "
                f"{one_line(repr(doc.cats), 80)}. Name the classes."
            )
        yield doc


def _damaged(path: Path) -> MTLError:
    return MTLError(
        f"Expected Docs in spaCy's binary format (DocBin) in {path}, got something else or "
        "a damaged file. Write it again, for example with `spacy mtl convert`."
    )
