"""Whatever ends a training, nothing is lost, and one line says so."""

import io
import signal
from pathlib import Path
from typing import Any

import pytest
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as spacy_train

from spacy_mtl.errors import MTLError
from spacy_mtl.training.loop import Loop
from spacy_mtl.training.output_folder import OutputError, OutputFolder
from spacy_mtl.training.signals import Stopped
from spacy_mtl.training.trainer import Frequency, train

from .runs import Killed, killed_at, log, mixed, models, run


def test_an_error_in_a_step_saves_the_model(tmp_path: Path) -> None:
    config = mixed(tmp_path)

    def fail(*args: Any) -> None:
        raise KeyError("what went wrong")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyError, match="what went wrong"):
        patch.setattr("spacy_mtl.training.unfreeze.Unfreeze.__call__", fail)
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
