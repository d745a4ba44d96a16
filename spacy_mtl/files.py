"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EBADF, EINVAL, ENOTSUP, EROFS
from pathlib import Path
from shutil import rmtree

from .errors import MTLError


def write_whole(path: Path, data: bytes) -> None:
    """Write beside the file and rename, so that it is whole or as before; its folder is made.

    RAISES (MTLError): If it cannot be written.
    """
    write_all_whole({path: data})


def write_all_whole(files: Mapping[Path, bytes]) -> None:
    """Write beside each file, and rename in their order when all are written.

    RAISES (MTLError): If one cannot be written; then it and those behind it are as before, and
        all are unless it is the renaming that fails.
    """
    beside = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in files}
    try:
        for path, data in files.items():
            with _named(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                beside[path].write_bytes(data)
                to_disk(beside[path])
        for path in files:
            with _named(path):
                beside[path].replace(path)
            _renamed(path)
    finally:
        for each in beside.values():
            with suppress(OSError):  # that of a path that cannot be, which was told above
                each.unlink(missing_ok=True)


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
            for inside in (*beside.rglob("*"), beside):
                to_disk(inside)
            _exchange(path, beside, before)
            _renamed(path)
        finally:
            rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise _cannot_write(path, error) from error
    with suppress(OSError):
        remove(before)


def to_disk(path: Path) -> None:
    """Let a file or folder reach the disk before what comes next, as far as the system can.

    RAISES (OSError): If the disk does not take it.
    """
    flags = os.O_RDWR if os.name == "nt" else os.O_RDONLY
    try:
        descriptor = os.open(path, flags)
    except OSError:  # a folder on Windows, or a file that may not be read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (EINVAL, ENOTSUP, EBADF, EROFS):
            raise
    finally:
        os.close(descriptor)


def _renamed(path: Path) -> None:
    """Let the disk know the name too; what is behind it is there already."""
    with suppress(OSError):
        to_disk(path.parent)


def remove(path: Path) -> None:
    """Remove a folder with all that is in it, a file, or a link but not what it leads to."""
    if path.is_dir() and not path.is_symlink():
        rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _exchange(path: Path, new: Path, before: Path) -> None:
    """Put the new folder in the place of what is there, which goes to `before`."""
    if not os.path.lexists(path):
        new.rename(path)
        return
    path.rename(before)
    try:
        new.rename(path)
    except OSError:
        before.rename(path)
        raise


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> MTLError:
    return MTLError(f"Expected to be able to write {path}, got: {error.strerror or error}.")


def put_right(path: Path) -> None:
    """Undo what a process that was killed while it wrote `path` has left beside it."""
    for before in path.parent.glob(f".{path.name}.*.before"):
        if path.exists():
            with suppress(OSError):
                remove(before)
        else:
            before.rename(path)
    for beside in path.parent.glob(f".{path.name}.*.tmp"):
        if beside.is_dir():
            rmtree(beside, ignore_errors=True)
        else:
            beside.unlink()
