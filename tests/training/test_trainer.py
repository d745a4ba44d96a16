"""Whatever ends a training, nothing is lost, and one line says so."""

import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as spacy_train

from spacy_mtl.errors import MTLError
from spacy_mtl.training.fingerprint import fingerprint
from spacy_mtl.training.loop import Loop
from spacy_mtl.training.output_folder import OutputError, OutputFolder
from spacy_mtl.training.signals import Stopped
from spacy_mtl.training.trainer import Frequency, train

from .runs import Killed, interrupted, killed_at, log, mixed, models, run


def test_an_error_in_a_step_saves_the_model(tmp_path: Path) -> None:
    config = mixed(tmp_path)

    def fail(*args: Any) -> None:
        raise KeyError("what went wrong")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyError, match="what went wrong"):
        patch.setattr("spacy_mtl.optimizing.unfreeze.Unfreeze.__call__", fail)
        run(config, tmp_path / "out")
    assert (tmp_path / "out/model-last/meta.json").exists()


def test_refuses_a_folder_with_a_model(tmp_path: Path) -> None:
    config = mixed(tmp_path)
    run(config, tmp_path / "out")
    before = models(tmp_path / "out")
    with pytest.raises(MTLError, match="but .*out has model-best, model-last, checkpoints. --res"):
        run(config, tmp_path / "out")
    assert models(tmp_path / "out") == before


def test_resume_refuses_a_model_of_another_program(tmp_path: Path) -> None:
    config = mixed(tmp_path)
    (tmp_path / "out").mkdir()
    spacy_train(init_nlp(config.copy()), tmp_path / "out", stdout=io.StringIO())
    before = models(tmp_path / "out")
    with pytest.raises(MTLError, match="cannot be resumed"):
        run(config, tmp_path / "out", resume=True)
    assert models(tmp_path / "out") == before


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signal(tmp_path: Path, signum: signal.Signals) -> None:
    config = mixed(tmp_path)
    run(config, tmp_path / "whole")

    update = Loop._update

    def send(self: Loop, batch: Any) -> None:
        if self.state.progress.steps == 6:
            signal.raise_signal(signum)
        update(self, batch)

    handler = signal.getsignal(signum)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped) as stopped:
        patch.setattr(Loop, "_update", send)
        run(config, tmp_path / "out", every=100)
    path = tmp_path / "out/checkpoints/step-00000007"
    assert stopped.value.signum == signum
    assert str(stopped.value) == (
        f"Stopped by {signum.name} after step 6. --resume goes on from {path}"
    )
    assert (tmp_path / "out/model-last").exists()
    assert signal.getsignal(signum) == handler
    run(config, tmp_path / "out", resume=True)
    assert models(tmp_path / "out") == models(tmp_path / "whole")
    assert log(tmp_path / "out") == log(tmp_path / "whole")


def test_full_disk(tmp_path: Path) -> None:
    """While the checkpoint after step 7 is written; and while the models are."""
    config = mixed(tmp_path)
    run(config, tmp_path / "whole")

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    for place in ("spacy_mtl.training.checkpoints._write_arrays", "shutil.copytree"):
        output = tmp_path / place
        with pytest.raises(Killed), killed_at(7):
            run(config, output)
        left = sorted(path.name for path in (output / "checkpoints").iterdir())
        best = models(output)
        with pytest.MonkeyPatch.context() as patch, pytest.raises(OutputError) as caught:
            patch.setattr(place.replace("shutil", "spacy_mtl.training.output_folder"), full)
            run(config, output, resume=True)
        message = str(caught.value)
        assert len(message.splitlines()) == 1
        assert "No space left on device. The last checkpoint is " in message
        assert sorted(path.name for path in (output / "checkpoints").iterdir())[-1] >= left[-1]
        assert {name.split("/")[0] for name in models(output)} == {
            name.split("/")[0] for name in best
        }
        run(config, output, resume=True)
        assert models(output) == models(tmp_path / "whole")


def test_full_disk_for_a_row(tmp_path: Path) -> None:
    """Half of the row of step 8 is written, and taken back."""
    config = mixed(tmp_path)
    run(config, tmp_path / "whole")
    write = io.FileIO.write

    class Short(io.FileIO):
        def write(self, line: Any) -> int:
            return write(self, line[: len(line) // 2 if b'"step": 8,' in line else None])

    def opened(path: Path, mode: str = "r", buffering: int = -1, **settings: Any) -> Any:
        return Short(path, "a+") if buffering == 0 else open(path, mode, buffering, **settings)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(OutputError) as caught:
        patch.setattr(Path, "open", opened)
        run(config, tmp_path / "out")
    path = tmp_path / "out/checkpoints/step-00000008"
    assert str(caught.value) == (
        f"Expected to be able to write a row to {tmp_path / 'out/training.jsonl'}, got: No space "
        f"left on device. The last checkpoint is {path}: --resume goes on when there is room."
    )
    assert [row["step"] for row in log(tmp_path / "out")] == [0, 4]
    run(config, tmp_path / "out", resume=True)
    assert models(tmp_path / "out") == models(tmp_path / "whole")
    assert log(tmp_path / "out") == log(tmp_path / "whole")


def test_resume_removes_no_model(tmp_path: Path) -> None:
    """Where somebody has removed the checkpoints, or a model of a finished training."""
    config = mixed(tmp_path)
    output = tmp_path / "out"
    with pytest.raises(Killed), killed_at(5):
        run(config, output)
    OutputFolder(output).checkpoints.clear()
    before = models(output)
    with pytest.raises(MTLError, match=r"got none, while model-best and model-last would be repl"):
        run(config, output, resume=True)
    assert models(output) == before
    path = output / "checkpoints/run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "finished": True}))
    (output / "model-last").rename(tmp_path / "taken")
    with pytest.raises(MTLError, match=r"Expected the model of this training in .*-last, got none"):
        run(config, output, resume=True)
    (tmp_path / "taken").rename(output / "model-last")
    assert models(output) == before


def test_killed_before_the_first_checkpoint(tmp_path: Path) -> None:
    config = mixed(tmp_path)
    run(config, tmp_path / "whole")
    interrupted(config, tmp_path / "out", [5], every=1000)
    assert models(tmp_path / "out") == models(tmp_path / "whole")
    assert log(tmp_path / "out") == log(tmp_path / "whole")


@pytest.mark.parametrize("content", ["5", '{"a": 1}', '{"run": 1, "fingerprint": {}, "logs": {}}'])
def test_a_damaged_description_of_the_run(tmp_path: Path, content: str) -> None:
    folder = OutputFolder(tmp_path)
    folder.open()
    (tmp_path / "checkpoints/run.json").write_text(content)
    with pytest.raises(MTLError, match=r"run.json to say which training .* got: something else\."):
        folder.check_resumable({})


@pytest.mark.skipif(os.name == "nt", reason="links need rights")
def test_models_that_are_no_folders_are_overwritten(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("mine")
    folder = OutputFolder(tmp_path / "out")
    folder.open()
    folder.best.symlink_to(elsewhere)
    folder.last.write_text("a file")
    with pytest.raises(MTLError, match="has model-best, model-last"):
        folder.check_free()
    folder.begin({}, keep_models=False)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["checkpoints"]
    assert (elsewhere / "mine").read_text() == "mine"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signal_before_the_first_step(tmp_path: Path, signum: signal.Signals) -> None:
    handler = signal.getsignal(signum)

    def send(*args: Any) -> None:
        signal.raise_signal(signum)

    message = f"Stopped by {signum.name} before the first step: nothing to save."
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped, match=message) as stopped:
        patch.setattr("spacy_mtl.training.trainer.Training._make_loop", send)
        run(mixed(tmp_path), tmp_path / "out")
    assert stopped.value.signum == signum
    assert signal.getsignal(signum) == handler


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(MTLError, match=r"Expected to be able to write .*out, got: Not a directory"):
        run(mixed(tmp_path), tmp_path / "file" / "out")
    assert (tmp_path / "file").read_text() == "mine"


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(MTLError, match="after 1 step or more and more than 0 seconds, got 0"):
        Frequency(steps=0)
    with pytest.raises(MTLError, match="keep 1 checkpoint or more, got 0"):
        OutputFolder(Path("out"), keep=0)


def test_after_seconds(tmp_path: Path) -> None:
    output = OutputFolder(tmp_path / "out", keep=100)
    frequency = Frequency(steps=1000, seconds=1e-9)
    with pytest.raises(Killed), killed_at(5):
        train(
            init_nlp(mixed(tmp_path)),
            output,
            frequency=frequency,
            stdout=io.StringIO(),
            stderr=io.StringIO(),
        )
    assert len(output.checkpoints.paths()) == 5


def test_a_corpus_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train.spacy").touch()

    def refuse(*args: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    config = {"corpora": {"train": {"path": str(tmp_path / "train.spacy")}}}
    with pytest.raises(MTLError, match=r"able to read .*train\.spacy, got: Permission denied\."):
        fingerprint(config, tmp_path / "out")
