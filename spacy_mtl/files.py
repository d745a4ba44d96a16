"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

from .errors import MTLError


def write_whole(path: Path, data: bytes) -> None:
    """Write beside the file and rename, so that it is whole or as before; its folder is made.

    RAISES (MTLError): If it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(data)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_write(path, error) from error


def write_folder_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a new folder beside the path, and rename it to replace what is there.

    If `write` raises an error, or the folder cannot be renamed, all is as before.
    RAISES (MTLError): If it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    before = path.with_name(f".{path.name}.{os.getpid()}.before")
    try:
        beside.mkdir(parents=True)
        try:
            write(beside)
            _exchange(path, beside, before)
        finally:
            rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise _cannot_write(path, error) from error
    rmtree(before, ignore_errors=True)


def _exchange(path: Path, new: Path, before: Path) -> None:
    """Put the new folder in the place of what is there, which goes to `before`."""
    if not path.exists():
        new.rename(path)
        return
    path.rename(before)
    try:
        new.rename(path)
    except OSError:
        before.rename(path)
        raise


def _cannot_write(path: Path, error: OSError) -> MTLError:
    return MTLError(f"Expected to be able to write {path}, got: {error.strerror or error}.")
