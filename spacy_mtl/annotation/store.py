"""The output of a run: what is done is kept beside it until all is, whatever happens.

While a run goes on, everything is in the folder `OUTPUT.partial`:

    journal.json   how far it has come; what is there beyond that does not count
    output.jsonl   JSONL, which grows by a part at a time
    parts/         other formats, and folders: a file for each part
    errors.jsonl   the documents that failed
    lock           held by the process that writes

At the end they get their names, and the folder goes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import BinaryIO

from ..errors import MTLError
from .encoding import Encoder
from .journal import Identity, Journal, Progress
from .pieces import GrowingFile, PartFiles, Pieces, sync

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# What is in the folder, beside the lock; the last are of a process that was killed as it wrote.
OWN = ("journal.json", "errors.jsonl", "output.*", "parts", "before", ".*.tmp")


class Store:
    """The output file or folder of a run, and all that is beside it.

    output: the file or folder to make.
    encoder: of its format.
    is_folder: whether to make a folder with a file for each part.
    """

    def __init__(self, output: Path, encoder: Encoder, is_folder: bool) -> None:
        self.output = output
        self.errors = output.with_name(f"{output.name}.errors.jsonl")
        self.work = output.with_name(f"{output.name}.partial")
        self._encoder = encoder
        self._is_folder = is_folder
        self._journal_path = self.work / "journal.json"
        self._errors = GrowingFile(self.work / "errors.jsonl")
        self._pieces: Pieces
        if is_folder or encoder.suffix != ".jsonl":
            self._pieces = PartFiles(self.work / "parts", encoder, merged=not is_folder)
        else:
            self._pieces = GrowingFile(self.work / "output.jsonl")
        self._journal: Journal | None = None
        self._lock: BinaryIO | None = None

    @property
    def unfinished(self) -> bool:
        """Whether there is a run that can go on."""
        return self._journal_path.exists()

    @property
    def is_there(self) -> bool:
        """Whether the output exists; an empty folder does not count."""
        if self._is_folder and self.output.is_dir():
            return any(self.output.iterdir())
        return self.output.exists()

    @property
    def progress(self) -> Progress:
        """What is done."""
        return self._open_journal.progress

    def check(self, resume: bool, overwrite: bool) -> None:
        """RAISES (MTLError): If something is in the way."""
        if overwrite:
            self._check_replaceable()
        elif self.unfinished and not resume:
            raise MTLError(
                f"Expected to write a new {self.output}, but {self.work} has an unfinished run. "
                "--resume goes on with it, --overwrite begins anew."
            )
        elif not resume and (self.is_there or self.errors.exists()):
            there = self.output if self.is_there else self.errors
            raise MTLError(
                f"Expected to write a new {self.output}, but {there} exists. "
                "--overwrite replaces it."
            )

    def begin(self, identity: Identity) -> None:
        """Start anew; what an earlier unfinished run left is removed.

        RAISES (MTLError): If nothing can be written there, or another process does.
        """
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            self._clear()
            self._errors.begin()
            self._pieces.begin()
        except OSError as error:
            raise self._cannot_write(error) from error
        self._journal = Journal(self._journal_path, identity)
        self._journal.write(Progress())

    def go_on(self, identity: Identity) -> None:
        """Take up an unfinished run; what it had not committed is removed.

        RAISES (MTLError): If it was of something else, is damaged, or still runs.
        """
        self._take_lock()
        journal = Journal.read(self._journal_path)
        journal.check(identity)
        self._journal = journal
        progress = journal.progress
        if progress.complete:
            return
        try:
            self._pieces.cut(progress.output)
            self._errors.cut(progress.errors)
        except OSError as error:
            raise self._cannot_write(error) from error

    def commit(self, data: bytes, errors: bytes, progress: Progress) -> None:
        """Write a part, and then say in the journal that it counts.

        progress: without the sizes of the files, which are found out here.
        RAISES (MTLError): If it cannot be written; then it does not count.
        """
        before = self.progress
        try:
            size = self._pieces.add(data, before.output)
            n_errors = self._errors.add(errors, before.errors)
        except OSError as error:
            raise self._cannot_write(error) from error
        self._open_journal.write(replace(progress, output=size, errors=n_errors))
        sync(self._journal_path)

    def finish(self) -> None:
        """Give all files their names; killed in between, it can be done again.

        RAISES (MTLError): If one cannot be written.
        """
        self._open_journal.write(replace(self.progress, complete=True))
        try:
            if self.progress.errors:
                self._errors.finish(self.errors, self.progress.errors)
            else:
                self.errors.unlink(missing_ok=True)
            self._pieces.finish(self.output, self.progress.output)
            self._remove_work()
        except OSError as error:
            raise self._cannot_write(error) from error

    def tidy(self) -> None:
        """Remove what is left of a run that was killed when all was done.

        RAISES (MTLError): If it cannot be removed.
        """
        if self.work.exists():
            self._take_lock()
            try:
                self._remove_work()
            except OSError as error:
                raise self._cannot_write(error) from error

    def close(self) -> None:
        """Let other processes write."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _remove_work(self) -> None:
        self._clear()
        self.close()
        (self.work / "lock").unlink(missing_ok=True)
        self.work.rmdir()

    def _clear(self) -> None:
        """Remove what a run writes, and the journal first: without it nothing counts."""
        for pattern in OWN:
            for path in self.work.glob(pattern):
                rmtree(path) if path.is_dir() else path.unlink()

    def _check_replaceable(self) -> None:
        """RAISES (MTLError): If the output is a folder with more than such a run writes."""
        if self._is_folder != self.output.is_dir() and self.output.exists():
            kind = "folder" if self._is_folder else "file"
            raise MTLError(f"Expected a {kind} to replace, got {self.output}, which is none.")
        if self._is_folder and self.output.exists():
            for path in self.output.iterdir():
                if not path.stem.isdecimal() or path.suffix != self._encoder.suffix:
                    raise MTLError(
                        f"Expected in {self.output} only 000000{self._encoder.suffix} and the "
                        f"like to replace, got {path.name}. Remove it, or name another folder."
                    )

    def _take_lock(self) -> None:
        try:
            self._lock = (self.work / "lock").open("wb")
            if fcntl is not None:
                fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise MTLError(
                f"Expected to be the only one to write {self.output}, but another process does. "
                "Wait for it, or end it."
            ) from error
        except OSError as error:
            raise self._cannot_write(error) from error

    @property
    def _open_journal(self) -> Journal:
        assert self._journal is not None, "begin() or go_on() comes first"
        return self._journal

    def _cannot_write(self, error: OSError) -> MTLError:
        kept = f" What is done is kept in {self.work}: --resume." if self.unfinished else ""
        return MTLError(
            f"Expected to be able to write {self.output}, got: {error.strerror or error}.{kept}"
        )
