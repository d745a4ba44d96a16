"""What the output of an unfinished run is made of: one file that grows, or a file for each part."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from typing import Protocol

from ..errors import MTLError
from ..files import write_whole
from .encoding import Encoder


class Pieces(Protocol):
    """The output so far; all of its methods but `begin` can be repeated.

    What a journal counts is its `size`: bytes, or parts.
    """

    def begin(self) -> None:
        """Make what is needed, where nothing is."""

    def add(self, data: bytes, size: int) -> int:
        """Write a part behind so much, so that it is on the disk; the size with it."""

    def cut(self, size: int) -> None:
        """Remove what is there beyond a size. RAISES (MTLError): If it is not even that."""

    def finish(self, output: Path, size: int) -> None:
        """Give all its name."""


class GrowingFile:
    """A file to append to, also for the documents that failed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self) -> None:
        self.path.touch()

    def add(self, data: bytes, size: int) -> int:
        if data:
            with self.path.open("ab") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        return size + len(data)

    def cut(self, size: int) -> None:
        length = self.path.stat().st_size if self.path.exists() else -1
        if length < size:
            raise _damaged(self.path)
        os.truncate(self.path, size)

    def finish(self, output: Path, size: int) -> None:
        if self.path.exists():
            self.path.replace(output)


class PartFiles:
    """A folder with a file for each part.

    folder: where they are. Beside it is put what finishing needs.
    encoder: of their format.
    merged: whether they become one file in the end.
    """

    def __init__(self, folder: Path, encoder: Encoder, merged: bool) -> None:
        self.folder = folder
        self._encoder = encoder
        self._merged = merged
        self._whole = folder.with_name(f"output{encoder.suffix}")
        self._before = folder.with_name("before")

    def begin(self) -> None:
        self.folder.mkdir()

    def add(self, data: bytes, size: int) -> int:
        path = self._part(size)
        write_whole(path, data)
        sync(path)
        return size + 1

    def cut(self, size: int) -> None:
        for path in self.folder.iterdir():
            if not path.stem.isdecimal() or int(path.stem) >= size:
                path.unlink()
        for number in range(size):
            if not self._part(number).exists():
                raise _damaged(self._part(number))

    def finish(self, output: Path, size: int) -> None:
        if self._merged:
            self._encoder.merge([self._part(number) for number in range(size)], self._whole)
            sync(self._whole)
            self._whole.replace(output)
        elif self.folder.exists():
            if output.exists():
                rmtree(self._before, ignore_errors=True)
                output.replace(self._before)
            self.folder.replace(output)

    def _part(self, number: int) -> Path:
        return self.folder / f"{number:06}{self._encoder.suffix}"


def sync(path: Path) -> None:
    """Wait until a file that was renamed is on the disk."""
    with path.open("rb") as file, suppress(OSError):  # some systems cannot
        os.fsync(file.fileno())


def _damaged(path: Path) -> MTLError:
    return MTLError(
        f"Expected {path} as the journal has it, got none or a shorter one. "
        "Begin anew with --overwrite."
    )
