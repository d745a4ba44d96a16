"""The folder of a training: `model-best`, `model-last`, and its checkpoints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any

from spacy.language import Language
from spacy.training.loop import DIR_MODEL_BEST, DIR_MODEL_LAST

from ..config_files import save_pipeline
from ..errors import MTLError
from ..files import put_right, remove, write_folder_whole, write_whole
from .checkpoints import Checkpoint, Checkpoints
from .fingerprint import check_same
from .train_state import TrainState

RUN = "run.json"


class OutputError(MTLError):
    """What was to be saved could not be written."""


class OutputFolder:
    """What a training has in its folder. All is written beside and renamed.

    run: of the training that is there: its fingerprint, whether it has written a checkpoint,
        whether it is finished, and what its log files were like before; {} if there is none.
    """

    def __init__(self, path: Path, keep: int = 3) -> None:
        self.path = path
        self.best, self.last = path / DIR_MODEL_BEST, path / DIR_MODEL_LAST
        self.checkpoints = Checkpoints(path / "checkpoints", keep)
        self._run = self.checkpoints.folder / RUN

    @property
    def run(self) -> dict[str, Any]:
        """See the class."""
        try:
            found = json.loads(self._run.read_text(encoding="utf-8"))
            if not _is_run(found):
                raise ValueError("something else")
            return dict(found)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise MTLError(
                f"Expected {self._run} to say which training the checkpoints are of, got: {error}. "
                "Begin anew with --overwrite."
            ) from error

    def check_free(self) -> None:
        """RAISES (MTLError): If there is a model or a checkpoint."""
        there = self._models()
        there += ["checkpoints"] if self._exists(self._run) or self.checkpoints.paths() else []
        if there:
            raise MTLError(
                f"Expected to train into a new folder, but {self.path} has {', '.join(there)}. "
                "--resume goes on with the training there, --overwrite removes it first."
            )

    def check_resumable(self, origin: dict[str, Any]) -> None:
        """Check that what is there can be gone on with.

        RAISES (MTLError): If it is of another training, or of another program, or a model whose
            checkpoints somebody has removed.
        """
        run, models, checkpoints = self.run, self._models(), self.checkpoints.paths()
        if run:
            check_same(run["fingerprint"], origin)
            if run.get("checkpointed") and models and not checkpoints and not self.finished:
                raise MTLError(
                    f"Expected the checkpoints of the training in {self.path}, got none, while "
                    f"{' and '.join(models)} would be replaced. Put them back, choose another "
                    "folder, or begin anew with --overwrite."
                )
        elif checkpoints or models:
            raise MTLError(
                f"Expected a training of `spacy mtl train` in {self.path}, got a model of another "
                "one, which cannot be resumed. Choose another folder, or --overwrite it."
            )

    @property
    def finished(self) -> bool:
        """Whether the training that is there has come to its end, be its models there or not."""
        return bool(self.run.get("finished"))

    def open(self) -> None:
        """Make the folder, and put right what a kill has left.

        RAISES (MTLError): If it cannot be written to.
        """
        with self._refused():
            self.checkpoints.folder.mkdir(parents=True, exist_ok=True)
            for path in (self.best, self.last, self._run, *self._unfinished()):
                put_right(path)

    def clear(self) -> None:
        """Remove models and checkpoints, and what is known of their training."""
        with self._refused():
            self.checkpoints.clear()
            for path in (self._run, self.best, self.last):
                remove(path)

    def begin(self, run: dict[str, Any], keep_models: bool) -> None:
        """Remove what is there, and note which training this is.

        keep_models: until the first evaluation replaces them.
        """
        with self._refused():
            self.checkpoints.clear()
            if not keep_models:
                remove(self.best)
                remove(self.last)
        self.note(run)

    def note(self, run: dict[str, Any]) -> None:
        """Write `run`."""
        self._writing(lambda: write_whole(self._run, json.dumps(run).encode("utf-8")))

    def finish(self) -> None:
        """Note that the training has come to its end, whose checkpoints nobody needs any more."""
        self.note({**self.run, "finished": True})
        self.checkpoints.clear()

    def save_model(self, nlp: Language, is_best: bool) -> None:
        """Write `model-last`, and if it is the best `model-best` too."""
        self._writing(lambda: write_folder_whole(self.last, partial(save_pipeline, nlp)))
        if is_best:
            self._writing(lambda: write_folder_whole(self.best, self._copy_last))

    def save_checkpoint(self, state: TrainState, more: dict[str, Any]) -> Path:
        """Write a checkpoint of the state, with more for its document."""
        arrays, document = state.arrays(), {**state.document(), **more}
        written: list[Path] = []
        steps = state.progress.steps
        self._writing(lambda: written.append(self.checkpoints.write(steps, arrays, document)))
        if not (run := self.run).get("checkpointed"):
            self.note({**run, "checkpointed": True})
        return written[0]

    def latest(self) -> tuple[Checkpoint | None, list[str]]:
        """See `Checkpoints.latest`."""
        return self.checkpoints.latest()

    def with_last_checkpoint(self, error: MTLError) -> str:
        """What could not be written, and from where the training goes on."""
        there = self.checkpoints.paths()
        last = f"The last checkpoint is {there[-1]}" if there else "There is no checkpoint yet"
        return f"{error} {last}: --resume goes on when there is room."

    def _unfinished(self) -> list[Path]:
        """Checkpoints that were being written or removed."""
        hidden = self.checkpoints.folder.glob(".step-*")
        return [path.with_name(path.name.split(".")[1]) for path in hidden]

    def _copy_last(self, folder: Path) -> None:
        copytree(self.last, folder, dirs_exist_ok=True)

    def _models(self) -> list[str]:
        return [path.name for path in (self.best, self.last) if self._exists(path)]

    def _exists(self, path: Path) -> bool:
        with self._refused():
            return path.exists() or path.is_symlink()

    @contextmanager
    def _refused(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"Expected to be able to write {self.path}, got: {error.strerror or error}."
            ) from error

    def _writing(self, write: Callable[[], Any]) -> None:
        try:
            write()
        except MTLError as error:
            raise OutputError(self.with_last_checkpoint(error)) from error


def _is_run(found: Any) -> bool:
    """Whether it has the parts of what `OutputFolder.run` is."""
    parts: dict[str, set[str]] = {"fingerprint": {"config", "files", "versions"}}
    parts["logs"] = {"lengths", "written"}
    return (
        isinstance(found, dict)
        and "run" in found
        and all(isinstance(found.get(name), dict) for name in parts)
        and all(names <= set(found[name]) for name, names in parts.items())
    )
