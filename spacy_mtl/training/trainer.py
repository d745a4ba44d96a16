"""A whole training: loop, log, models and checkpoints."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from timeit import default_timer as timer
from typing import IO, Any

from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training.loop import create_before_to_disk_callback, update_meta
from spacy.util import registry, resolve_dot_names
from thinc.api import constant, fix_random_seed, set_gpu_allocator
from wasabi import Printer, color
from wasabi.util import locale_escape

from ..distributed.requirements import check_shareable
from ..errors import MTLError
from ..workers import ALONE, Workers, shared
from .batch_source import BatchSource
from .checkpoints import Checkpoint, read_checkpoint
from .fingerprint import fingerprint
from .log.files import LogFiles, LogStep, Mutable, logged
from .log.logger import RowNotWritten
from .loop import Info, Loop, Observer
from .output_folder import OutputError, OutputFolder
from .signals import Stopped, StopSignals, stopped_at_once
from .train_state import TrainState


@dataclass(frozen=True)
class Frequency:
    """How often a checkpoint is written: after so many steps or seconds, whichever comes first."""

    steps: int = 50
    seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.seconds > 0:
            raise MTLError(
                "Expected checkpoints after 1 step or more and more than 0 seconds, got "
                f"{self.steps} and {self.seconds}."
            )


class Training:
    """A training with all that it prints and writes; see `train`."""

    def __init__(
        self,
        nlp: Language,
        folder: OutputFolder | None,
        frequency: Frequency,
        stdout: IO[str],
        stderr: IO[str],
        observe: Observer | None = None,
        workers: Workers = ALONE,
    ) -> None:
        self.nlp = nlp
        self.folder = folder if workers.rank == 0 else None
        self.frequency = frequency
        self._stdout, self._stderr = stdout, stderr
        self._observe = observe
        self._workers = workers
        self._config = nlp.config.interpolate()
        self._logs: LogFiles | None = None
        self._run: dict[str, Any] = {}
        self._loop: Loop

    def run(self, resume: bool, overwrite: bool, origin: dict[str, Any] | None) -> None:
        """Begin or go on, up to the end."""
        if resume and self._is_finished():
            self._load_finished()
            return
        with stopped_at_once():
            log_step, close_log = self._make_ready(resume, overwrite, origin)
        try:
            with StopSignals() as signals:
                self._make_steps(log_step, signals)
        except (OutputError, Stopped):
            raise
        except Exception as error:
            self._abort(error)
            raise
        finally:
            close_log()
            self._loop.group.close()
        self._save_model(False)
        if self.folder is not None:
            self.folder.finish()
            self._say("good", "Saved pipeline to output directory", self.folder.last)

    def _is_finished(self) -> bool:
        """Whether there is nothing left to do, as the first worker finds it."""
        own = self.folder is not None and self.folder.finished
        return bool(shared(self._workers, b"finished" if own else b""))

    def _load_finished(self) -> None:
        if self.folder is None:
            return
        self._say("info", f"The training in {self.folder.path} is finished.")
        if not self.folder.last.exists():
            raise MTLError(
                f"Expected the model of this training in {self.folder.last}, got none. Put it "
                "back, or begin anew with --overwrite."
            )
        self.nlp.from_disk(self.folder.last)

    def _make_ready(
        self, resume: bool, overwrite: bool, origin: dict[str, Any] | None
    ) -> tuple[LogStep, Callable[[], None]]:
        """All that comes before the first step; the logger's two functions."""
        several = self._workers.number > 1
        if several:
            check_shareable(self.nlp, self._config["training"]["frozen_components"])
        checkpoint = self._prepare(resume, overwrite, origin)
        if several:
            checkpoint = self._same_for_all(checkpoint)
        settings = self._make_loop()
        self._introduce(settings)
        stdout, stderr = Mutable(self._stdout, True), Mutable(self._stderr, True)
        with self.nlp.select_pipes(disable=settings["frozen_components"]):
            if self._logs is None or not self._logs.repeated:
                stdout.silent = stderr.silent = False
            logger = settings["logger"] if self._loop.group.leads else _silent
            with self._loop.apart():
                log_step, close_log = logger(self.nlp, stdout, stderr)
        if checkpoint is not None:
            self._loop.state.load(checkpoint)
            self._repeat(log_step)
        stdout.silent = stderr.silent = False
        return log_step, close_log

    def _prepare(
        self, resume: bool, overwrite: bool, origin: dict[str, Any] | None
    ) -> Checkpoint | None:
        """Put folder and log files into the state of the checkpoint, None for the beginning."""
        checkpoint: Checkpoint | None = None
        problems: list[str] = []
        if self.folder is None:
            return None
        self.folder.open()
        self._logs = LogFiles(self._config, self.folder.path)
        origin = fingerprint(self._config, self.folder.path) if origin is None else origin
        if resume:
            self.folder.check_resumable(origin)
            checkpoint, problems = self.folder.latest()
            self._run = self.folder.run
        elif not overwrite:
            self.folder.check_free()
        for problem in problems:
            self._say("warn", f"{problem} The one before is used.")
        if checkpoint is not None:
            self._logs.cut(checkpoint.document["logs"])
            self._say("info", f"Resuming from {checkpoint.path}")
        else:
            self._begin(resume, origin)
        return checkpoint

    def _same_for_all(self, checkpoint: Checkpoint | None) -> Checkpoint | None:
        """The checkpoint of the first worker, which the others read too."""
        leads = self._workers.rank == 0
        path = str(checkpoint.path).encode() if checkpoint is not None else b""
        path = shared(self._workers, path if leads else None)
        return checkpoint if leads or not path else read_checkpoint(Path(path.decode()))

    def _begin(self, resume: bool, origin: dict[str, Any]) -> None:
        assert self.folder is not None and self._logs is not None
        if resume:
            self._say("info", f"No checkpoint in {self.folder.path}: training from the beginning")
        if self._run:
            self._logs.cut(self._run["logs"])
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        self._run = {"run": now, "fingerprint": origin, "logs": self._logs.document()}
        self.folder.begin(self._run, keep_models=resume)

    def _make_loop(self) -> dict[str, Any]:
        """Resolve [training], and make a loop at its beginning."""
        seed = self._config["training"]["seed"]
        if seed is not None:
            fix_random_seed(seed)
        settings: dict[str, Any] = registry.resolve(
            self._config["training"], schema=ConfigSchemaTraining
        )
        names = [settings["train_corpus"], settings["dev_corpus"]]
        train_corpus, dev_corpus = resolve_dot_names(self._config, names)
        batches = BatchSource(self.nlp, train_corpus, settings["batcher"], settings["max_epochs"])
        dropout = settings["dropout"]
        dropouts = constant(dropout) if isinstance(dropout, float) else dropout
        state = TrainState(
            self.nlp, settings["optimizer"], batches, iter(dropouts), settings["before_update"]
        )
        if self.folder is not None:
            state.check()
        self._loop = Loop(settings, state, dev_corpus, self._observe, self._workers)
        return settings

    def _make_steps(self, log_step: LogStep, signals: StopSignals) -> None:
        settings, progress = self._loop.settings, self._loop.state.progress
        written_at, written = timer(), progress.steps
        for info, is_best in self._loop.steps():
            self._loop.state.outputs.note()
            with self._loop.apart():
                if is_best is not None:
                    self._evaluated(info, is_best)
                self._log(log_step, info if is_best is not None else None)
            if is_best is not None:
                progress.rows.append(logged(info, settings["score_weights"]))
            if signals.received is not None:
                raise self._stop(signals.received)
            due = progress.steps - written >= self.frequency.steps
            if self.folder and (due or timer() - written_at >= self.frequency.seconds):
                self._save_checkpoint()
                written_at, written = timer(), progress.steps

    def _evaluated(self, info: Info, is_best: bool) -> None:
        """Note the scores in the pipeline and save it."""
        settings = self._loop.settings
        with self.nlp.select_pipes(disable=settings["frozen_components"]):
            update_meta(settings, self.nlp, info)
        if self.folder is not None:
            self._save_model(is_best)
            info["output_path"] = str(self.folder.last)
            info["run"] = self._run["run"]

    def _log(self, log_step: LogStep, info: Info | None) -> None:
        try:
            log_step(info)
        except RowNotWritten as error:
            assert self.folder is not None  # rows of other trainings are only warned of
            raise OutputError(self.folder.with_last_checkpoint(error)) from error

    def _repeat(self, log_step: LogStep) -> None:
        """Give the rows so far to loggers that cannot continue theirs."""
        progress = self._loop.state.progress
        if self._logs is not None and self._logs.repeated:
            for row in progress.rows:
                log_step({**row, "checkpoints": progress.results, "repeated": True})

    def _save_model(self, is_best: bool) -> None:
        if self.folder is not None:
            prepare = create_before_to_disk_callback(self._loop.settings["before_to_disk"])
            with self.nlp.use_params(self._loop.state.optimizer.averages):
                self.folder.save_model(prepare(self.nlp), is_best)

    def _save_checkpoint(self) -> Path:
        assert self.folder is not None and self._logs is not None
        self._logs.to_disk()
        more = {"logs": self._logs.document()}
        return self.folder.save_checkpoint(self._loop.state, more)

    def _stop(self, signum: int) -> Stopped:
        """Save everything, and say how to go on."""
        step = self._loop.state.progress.steps - 1
        done = f"Stopped by {signal.Signals(signum).name} after step {step}."
        if self.folder is None:
            return Stopped(f"{done} Nothing was saved: there is no output folder.", signum)
        path = self._save_checkpoint()
        self._save_model(False)
        return Stopped(f"{done} --resume goes on from {path}", signum)

    def _abort(self, error: Exception) -> None:
        if self.folder is not None:
            self._say(
                "warn",
                f"Aborting and saving the final best model. Encountered exception: {error!r}",
            )
            self._save_model(False)

    def _introduce(self, settings: dict[str, Any]) -> None:
        """Print what spaCy's loop prints before the first step."""
        self._say("info", f"Pipeline: {self.nlp.pipe_names}")
        if settings["frozen_components"]:
            self._say("info", f"Frozen components: {settings['frozen_components']}")
        if settings["annotating_components"]:
            names = settings["annotating_components"]
            self._say("info", f"Set annotations on update for: {names}")
        self._say("info", f"Initial learn rate: {settings['optimizer'].learn_rate}")

    def _say(self, kind: str, title: str, text: Any = "") -> None:
        """Print a message as spaCy does, but no line broken into several."""
        printer = Printer(no_print=True)
        line = locale_escape(f"{printer.icons[kind]} {title}")
        if printer.show_color:
            line = color(line, fg=printer.colors[kind])
        self._stdout.write(f"{line}\n{text}\n" if text else f"{line}\n")


def _silent(*_: Any) -> tuple[LogStep, Callable[[], None]]:
    """The logger of a worker that does not lead."""
    return lambda info: None, lambda: None


def train(
    nlp: Language,
    folder: OutputFolder | None = None,
    *,
    use_gpu: int = -1,
    frequency: Frequency | None = None,
    resume: bool = False,
    overwrite: bool = False,
    origin: dict[str, Any] | None = None,
    stdout: IO[str] = sys.stdout,
    stderr: IO[str] = sys.stderr,
    observe: Observer | None = None,
    workers: Workers = ALONE,
) -> Language:
    """Train an initialized pipeline as `spacy.training.loop.train` does, with checkpoints.

    With the same config and seed, the result is the same; also when the training was stopped at
    any time and resumed. On a GPU the random numbers of cupy differ from those under spaCy's loop,
    as they depend on the seed and the step alone.

    folder: for models and checkpoints, None for neither. resume: go on with what is there.
    overwrite: remove it first.
    origin: the `fingerprint` of the config before the pipeline was made of it.
    observe: see `Loop`; it must change nothing.
    workers: who train the same, each with its part of every batch; the first one evaluates, prints
        and writes, and all read its checkpoints.
    RAISES (MTLError): If the folder has another training, or is not to be resumed and has any; if
        something cannot be written, when the last checkpoint stays. (Stopped): After SIGINT or
        SIGTERM.
    """
    allocator = nlp.config.interpolate()["training"]["gpu_allocator"]
    if use_gpu >= 0 and allocator:
        set_gpu_allocator(allocator)
    training = Training(nlp, folder, frequency or Frequency(), stdout, stderr, observe, workers)
    training.run(resume, overwrite, origin)
    return nlp
