"""Digests of what files hold: files that hold the same have the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from .errors import MTLError

_CHUNK = 1 << 20


def digest(files: Iterable[tuple[str, Path]]) -> str:
    """SHA-256, in hexadecimal, of files one after the other, each behind a label.

    The label tells where a file begins, and may tell its name and size; "" for a file alone.
    RAISES (MTLError): If one cannot be read.
    """
    found = sha256()
    for label, path in files:
        found.update(label.encode())
        for chunk in chunks(path):
            found.update(chunk)
    return found.hexdigest()


def chunks(path: Path) -> Iterator[bytes]:
    """What a file holds, a piece at a time.

    RAISES (MTLError): If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise MTLError(
            f"Expected to be able to read {path}, got: {error.strerror or error}."
        ) from error
