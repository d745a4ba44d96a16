"""The logger `spacy_mtl.ConsoleLogger.v1`: what the training prints, and the file beside it."""

# No `from __future__ import annotations`: the registry checks settings by these annotations.
import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from errno import ENOSPC
from pathlib import Path
from typing import IO, Any

from spacy.language import Language
from tqdm import tqdm
from wasabi import Printer

from ...errors import MTLError
from .rows import Row, RowMaker, trackable_scores
from .table import Table, percent

FILE_NAME = "training.jsonl"
WIDTH = 160  # of a file or pipe, where the output has none of its own
PROGRESS = {None: None, False: None, True: "eval", "eval": "eval", "train": "train"}

Info = dict[str, Any]


class RowNotWritten(MTLError):
    """A row could not be appended to the file of a training that can be resumed."""


LogStep = Callable[[Info | None], None]
SetupLogger = Callable[..., tuple[LogStep, Callable[[], None]]]


def create_console_logger(
    progress_bar: bool | str | None = None,
    console_output: bool = True,
    output_file: str | Path | None = None,
) -> SetupLogger:
    """Make a logger that shows how each task is doing, at every evaluation.

    A row has each task's loss, weight and score, then the score by which the best model is
    chosen, the speed, the time until `max_steps`, and the share of the steps in conflict if the
    component measures it (`conflict_every`). At the end comes each task's best score with its step.
    The loggers behind it in a `spacy.ChainLogger.v1` see the weights and the conflict too, and
    scores by names that MLflow takes.

    progress_bar: "eval" for a bar until the next evaluation, "train" until the end; on stderr,
        if it is a terminal. True is "eval", False and None are no bar, as for spaCy's loggers.
    console_output: whether to print the rows.
    output_file: where the rows go as JSON lines, behind what is there already. Without one they
        go to `training.jsonl` in the folder given by `spacy train --output`, if any.
    RAISES (MTLError): For another `progress_bar`; when training begins, if the file cannot be
        written.
    """
    if progress_bar not in PROGRESS:
        raise MTLError(
            f"Expected `progress_bar` to be 'eval', 'train' or null, got {progress_bar!r}."
        )

    def setup(
        nlp: Language, stdout: IO[str] = sys.stdout, stderr: IO[str] = sys.stderr
    ) -> tuple[LogStep, Callable[[], None]]:
        maker = RowMaker(nlp)
        file = RowFile(None if output_file is None else Path(output_file))
        progress = Progress(PROGRESS[progress_bar], nlp, stderr)
        console = Console(maker, progress, stdout) if console_output else None

        def log_step(info: Info | None) -> None:
            progress.advance()
            if info is None or info.get("repeated"):
                return
            row = maker.row(info)
            path = file.write(row, info.get("output_path"), info.get("run"))
            if console is not None:
                console.print(row, path)
            progress.evaluated(row)
            info.update(row.stats(), other_scores=trackable_scores(info["other_scores"]))

        def close() -> None:
            progress.close()
            if console is not None:
                console.close()

        return log_step, close

    return setup


class Console:
    """Prints the rows, whose first tells what the table looks like, and what they came to."""

    def __init__(self, maker: RowMaker, progress: "Progress", stdout: IO[str]) -> None:
        self._maker = maker
        self._progress = progress
        self._stdout = stdout
        self._table: Table | None = None
        self._last: Row | None = None

    def print(self, row: Row, path: Path | None) -> None:
        """Print a row; `path` is the file that has it too."""
        lines: list[str] = []
        self._last = row
        if self._table is None:
            maker, width = self._maker, _width(self._stdout)
            self._table = Table(row, width, maker.weighted, maker.measured)
            if path is not None:
                lines += [Printer(no_print=True).info("Rows as JSON lines:"), str(path)]
            lines += self._table.header()
        self._progress.print_above([*lines, *self._table.lines(row)], self._stdout)

    def close(self) -> None:
        """Print when each task was best."""
        tasks = self._last.tasks if self._last is not None else {}
        best = [
            f"{name} {percent(figures.best_score)} (step {figures.best_step})"
            for name, figures in tasks.items()
            if figures.best_step is not None
        ]
        if best:
            print(f"Best scores: {', '.join(best)}", file=self._stdout, flush=True)


class Progress:
    """A progress bar on stderr: "eval" until the next evaluation, "train" until the end."""

    def __init__(self, kind: str | None, nlp: Language, stderr: IO[str]) -> None:
        training = nlp.config.interpolate()["training"]
        self._kind = kind
        self._total = training["max_steps" if kind == "train" else "eval_frequency"] or None
        self._stderr = stderr
        self._bar: Any = None

    def advance(self) -> None:
        """Count a step."""
        if self._bar is not None:
            self._bar.update()

    def evaluated(self, row: Row) -> None:
        """Begin with the first row, and for each evaluation anew."""
        if self._bar is not None:
            if self._kind == "eval":
                self._bar.reset()
        elif self._kind is not None:
            self._bar = tqdm(
                desc="Training" if self._kind == "train" else "Until evaluation",
                total=self._total,
                initial=row.step if self._kind == "train" else 0,
                unit=" steps",
                leave=False,
                dynamic_ncols=True,
                disable=None,  # where stderr is not a terminal
                file=self._stderr,
            )

    def print_above(self, lines: Sequence[str], stdout: IO[str]) -> None:
        """Print while the bar is out of the way."""
        if self._bar is not None:
            self._bar.clear()
        print(*lines, sep="\n", file=stdout, flush=True)
        if self._bar is not None:
            self._bar.refresh()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


class RowFile:
    """Appends each row to a file, as a line of JSON that says to which run it belongs.

    path: None for `training.jsonl` beside the models, if they are saved.
    RAISES (MTLError): If the file cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._run = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.open("ab").close()
            except OSError as error:
                reason = error.strerror or error
                raise MTLError(
                    f"Expected to be able to write {path}, got: {reason}. "
                    "Set `output_file` in [training.logger] to another file."
                ) from error

    def write(self, row: Row, model_path: str | None, run: str | None = None) -> Path | None:
        """Append a row, and say where; a file that fails later does not stop `spacy train`.

        run: what the rows of a training have in common that can be resumed; None for the time at
            which this object was made.
        RAISES (RowNotWritten): If a training that can be resumed cannot write the row.
        """
        path = self._path
        if path is None and model_path is not None:
            path = Path(model_path).parent / FILE_NAME
        if path is not None:
            fields = {"run": run or self._run, **row.as_json()}
            line = json.dumps(fields, ensure_ascii=False, allow_nan=False) + "\n"
            try:
                _append(path, line.encode("utf-8"))
            except OSError as error:
                if run is not None:
                    reason = error.strerror or error
                    raise RowNotWritten(
                        f"Expected to be able to write a row to {path}, got: {reason}."
                    ) from error
                warnings.warn(f"A row was not written to {path}: {error}", stacklevel=2)
        return path


def _append(path: Path, line: bytes) -> None:
    """Write a line in one piece, on a line of its own whatever the file ends with, or nothing."""
    with path.open("ab+", buffering=0) as file:
        length = file.tell()
        if length:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = b"\n" + line
        written = file.write(line)
        if written != len(line):
            file.truncate(length)
            raise OSError(ENOSPC, os.strerror(ENOSPC))


def _width(stdout: IO[str]) -> int:
    try:
        return os.get_terminal_size(stdout.fileno()).columns or WIDTH
    except (AttributeError, OSError, ValueError):
        return WIDTH
