"""The documents in a `.spacy` file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..errors import MTLError, one_line
from ..layers import table
from ..values import keys_of_values, note_keys


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


def docs_of(doc_bin: DocBin, path: Path, vocab: Vocab, values: Iterable[str] = ()) -> Iterator[Doc]:
    """The documents of a `DocBin` that comes from this file.

    What the file as a whole tells of the keys of `doc.cats`, which of them are values, is noted on
    each. values: keys that are, too.
    """
    table()  # makes the attributes known in which layers have what is read
    docs = doc_bin.get_docs(vocab)
    keys = {*values, *keys_of_values(cats for cats in doc_bin.cats if isinstance(cats, dict))}
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
        note_keys(doc, keys)
        yield doc


def _damaged(path: Path) -> MTLError:
    return MTLError(
        f"Expected Docs in spaCy's binary format (DocBin) in {path}, got something else or "
        "a damaged file. Write it again, for example with `spacy mtl convert`."
    )
