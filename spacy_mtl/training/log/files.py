"""The files that loggers write, which a resumed training continues at its checkpoint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from ...errors import MTLError
from ...files import to_disk
from .logger import FILE_NAME

OURS = "spacy_mtl.ConsoleLogger."
SPACYS = "spacy.ConsoleLogger."
LogStep = Callable[[dict[str, Any] | None], None]


class LogFiles:
    """The log files of a training: ours are cut, those of spaCy's console logger written anew.

    spaCy's logger cannot append, and keeps rows in memory that a kill loses. So it gets the rows
    up to the checkpoint once more, unheard. Other loggers begin a new run.

    config: the training's, with all variables filled in. output: the folder, if models are saved.
    """

    def __init__(self, config: Mapping[str, Any], output: Path) -> None:
        blocks = list(_loggers(config["training"]["logger"]))
        self._ours = [
            Path(block["output_file"]) if block.get("output_file") else output / FILE_NAME
            for block in blocks
            if block["@loggers"].startswith(OURS)
        ]
        self._spacys = [
            Path(block["output_file"])
            for block in blocks
            if block["@loggers"].startswith(SPACYS) and block.get("output_file")
        ]
        self._written = [path for path in self._spacys if not path.exists()]

    def document(self) -> dict[str, Any]:
        """How long ours are, and which of spaCy's are written: it leaves those that were there."""
        lengths = [path.stat().st_size if path.exists() else 0 for path in self._ours]
        return {"lengths": lengths, "written": [str(path) for path in self._written]}

    def to_disk(self) -> None:
        """Let ours reach the disk, as far as it can, for a checkpoint that counts on them."""
        for path in self._ours:
            if path.exists():
                with suppress(OSError):
                    to_disk(path)

    def cut(self, document: Mapping[str, Any]) -> None:
        """Take away what was written after the checkpoint, before the loggers are made.

        RAISES (MTLError): If a file cannot be written.
        """
        self._written = [path for path in self._spacys if str(path) in document["written"]]
        try:
            for path, length in zip(self._ours, document["lengths"], strict=True):
                if path.exists() and path.stat().st_size > length:
                    os.truncate(path, length)
            for path in self._written:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise MTLError(
                f"Expected to be able to write {path}, got: {error.strerror or error}."
            ) from error

    @property
    def repeated(self) -> bool:
        """Whether there is a logger that gets the rows once more."""
        return bool(self._written)


class Mutable:
    """A stream that can be silent."""

    def __init__(self, stream: IO[str], silent: bool) -> None:
        self._stream = stream
        self.silent = silent

    def write(self, text: str) -> int:
        """Write, or not."""
        return len(text) if self.silent else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def logged(info: Mapping[str, Any], score_weights: Mapping[str, Any]) -> dict[str, Any]:
    """What of an evaluation a logger needs to write its row once more."""
    shown = [name for name, weight in score_weights.items() if weight is not None]
    measured = info["other_scores"]
    scores = {n: float(measured[n]) for n in shown if measured.get(n) is not None}
    losses = {name: float(loss) for name, loss in info["losses"].items()}
    numbers = {name: info[name] for name in ("epoch", "step", "words", "seconds")}
    return {**numbers, "score": float(info["score"]), "other_scores": scores, "losses": losses}


def _loggers(block: Any) -> Iterator[dict[str, Any]]:
    """The logger's block in a config, and those in it."""
    if isinstance(block, dict):
        if "@loggers" in block:
            yield block
        for value in block.values():
            yield from _loggers(value)
