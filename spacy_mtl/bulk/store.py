"""The output of a run: what is done is kept beside it until all is, whatever happens.

While a run goes on, everything is in the folder `OUTPUT.partial`:

    journal.json   how far it has come; what is there beyond that does not count
    parts/         a file for each part of the output
    failed/        a file for each part with documents that failed
    lock           held by the process that writes

At the end the parts are put together, or their folder gets the output's name, and the folder goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import BinaryIO

from ..errors import MTLError
from ..files import to_disk
from .encoding import Encoder, concatenate
from .journal import Identity, Journal, Progress
from .pieces import PartFiles

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# What is in the folder, beside the lock: of this version, of a process that was killed as it wrote,
# and of 0.1.
OWN = ("journal.json", "parts", "failed", "whole", "before", ".*.tmp", "errors.jsonl", "output.*")


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
        self._parts = PartFiles(self.work / "parts", encoder.suffix)
        self._failed = PartFiles(self.work / "failed", ".jsonl")
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
        with self._writing():
            self.work.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        with self._writing():
            self._clear()
            self._parts.begin()
            self._failed.begin()
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
        with self._writing():
            self._parts.cut(progress.parts)
            self._failed.cut(progress.parts)
        self._parts.check(progress.output)
        self._failed.check(progress.errors)

    def commit(self, data: bytes, errors: bytes, progress: Progress) -> None:
        """Write a part, and then say in the journal that it counts.

        progress: with what the part has, but for the files, which are counted here.
        RAISES (MTLError): If it cannot be written; then it does not count.
        """
        number = progress.parts
        with self._writing():
            self._parts.add(number, data)
            if errors:
                self._failed.add(number, errors)
            progress = replace(
                progress,
                parts=number + 1,
                output=progress.output + len(data),
                errors=progress.errors + len(errors),
            )
            self._open_journal.write(progress)

    def finish(self) -> None:
        """Give all files their names; killed in between, it can be done again.

        RAISES (MTLError): If one cannot be written.
        """
        with self._writing():
            self._open_journal.write(replace(self.progress, complete=True))
            if self.progress.errors:
                self._put_together(self._failed, concatenate, self.errors)
            else:
                self.errors.unlink(missing_ok=True)
            if not self._is_folder:
                self._put_together(self._parts, self._encoder.merge, self.output)
            elif self._parts.folder.exists():
                self._replace_folder()
            self._remove_work()

    def tidy(self) -> None:
        """Remove what is left of a run that was killed when all was done.

        RAISES (MTLError): If it cannot be removed.
        """
        if self.work.exists():
            self._take_lock()
            with self._writing():
                self._remove_work()

    def close(self) -> None:
        """Let other processes write."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _put_together(
        self, parts: PartFiles, merge: Callable[[Sequence[Path], Path], None], target: Path
    ) -> None:
        whole = self.work / "whole"
        merge(parts.paths(), whole)
        to_disk(whole)
        whole.replace(target)

    def _replace_folder(self) -> None:
        before = self.work / "before"
        if self.output.exists():
            rmtree(before, ignore_errors=True)
            self.output.replace(before)
        self._parts.folder.replace(self.output)

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
        with self._writing():
            self._lock = (self.work / "lock").open("wb")
            if _is_locked(self._lock):
                return
        self.close()
        raise MTLError(
            f"Expected to be the only one to write {self.output}, but another process does. "
            "Wait for it, or end it."
        )

    @property
    def _open_journal(self) -> Journal:
        assert self._journal is not None, "begin() or go_on() comes first"
        return self._journal

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Where something cannot be written, say that and what is kept."""
        try:
            yield
        except (OSError, MTLError) as error:
            what = str(error)
            if isinstance(error, OSError):
                reason = error.strerror or error
                what = f"Expected to be able to write {self.output}, got: {reason}."
            kept = f" What is done is kept in {self.work}: --resume." if self.unfinished else ""
            raise MTLError(f"{what}{kept}") from error


def _is_locked(file: BinaryIO) -> bool:
    """Lock a file for this process alone, where the system can; False if another has it."""
    if fcntl is not None:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
