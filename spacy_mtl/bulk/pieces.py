"""What an unfinished run has written: a file for each part."""

from __future__ import annotations

from pathlib import Path

from ..errors import MTLError
from ..files import write_whole


class PartFiles:
    """A folder with a file for each part, or for each that has something.

    folder: where they are.
    suffix: of their names, which are the numbers of the parts.
    """

    def __init__(self, folder: Path, suffix: str) -> None:
        self.folder = folder
        self._suffix = suffix

    def begin(self) -> None:
        """Make the folder, where nothing is."""
        self.folder.mkdir()

    def add(self, number: int, data: bytes) -> None:
        """Write a part, so that it is on the disk.

        RAISES (MTLError): If it cannot be written.
        """
        write_whole(self.folder / f"{number:06}{self._suffix}", data)

    def cut(self, number: int) -> None:
        """Remove the parts from a number on, and what a process that was killed has left."""
        for path in self.folder.glob("*"):
            if not path.stem.isdecimal() or int(path.stem) >= number:
                path.unlink()

    def paths(self) -> list[Path]:
        """The files in their order."""
        return sorted(self.folder.glob("*"), key=lambda path: int(path.stem))

    def check(self, size: int) -> None:
        """RAISES (MTLError): If the parts have not so many bytes."""
        found = sum(path.stat().st_size for path in self.paths())
        if found != size:
            raise MTLError(
                f"Expected {size:,} bytes in {self.folder}, as the journal has it, got {found:,}. "
                "Begin anew with --overwrite."
            )
