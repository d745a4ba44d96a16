import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from thinc.api import Config
from training.runs import Killed, killed_at, log, mixed, models
from typer.testing import CliRunner

from spacy_mtl.cli import app
from spacy_mtl.training.loop import Loop


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A config in the working directory, with its corpora."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANSI_COLORS_DISABLED", "1")
    config = mixed(Path("."))
    config.to_disk("config.cfg")
    return config


def train(*args: str) -> Any:
    return CliRunner().invoke(app, ["train", "config.cfg", *args])


def test_train_and_resume() -> None:
    done = train("--output", "out", "--training.max_steps", "4")
    assert done.exit_code == 0, done.output
    assert "✔ Saved pipeline to output directory" in done.output
    assert [row["step"] for row in log(Path("out"))] == [0, 4]
    assert sorted(path.name for path in Path("out/checkpoints").iterdir()) == ["run.json"]
    before = models(Path("out"))
    again = train("--output", "out", "--training.max_steps", "4", "--resume")
    assert again.exit_code == 0
    assert "ℹ The training in out is finished: there is nothing to resume." in again.output
    assert models(Path("out")) == before
    Path("out/model-last").rename("taken")
    gone = train("--output", "out", "--training.max_steps", "4", "--resume")
    assert gone.exit_code == 0
    assert "ℹ out/model-last is not there any more; --overwrite trains anew." in gone.output
    assert Path("out/model-best").exists()


def test_output_that_is_there() -> None:
    short = ["--training.max_steps", "2", "--training.eval_frequency", "1"]
    assert train("--output", "out", *short).exit_code == 0
    before = models(Path("out"))
    refused = train("--output", "out", *short)
    assert refused.exit_code == 1
    assert refused.stderr.splitlines() == [
        "✘ Expected to train into a new folder, but out has model-best, model-last, checkpoints. "
        "--resume goes on with the training there, --overwrite removes it first."
    ]
    assert models(Path("out")) == before
    wrong = train("--output", "out", "--overwrite", "--training.batcher.size", "-1")
    assert wrong.exit_code == 1
    assert models(Path("out")) == before
    Path("out/model-best/old").touch()
    assert train("--output", "out", *short, "--overwrite").exit_code == 0
    assert models(Path("out")) == before


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--resume"], "Expected --output with the folder of the training, got none."),
        (["--output", "out", "--resume", "--overwrite"], "Expected --resume or --overwrite, got"),
        (["--output", "x/out"], "Expected to be able to write x/out, got: Not a directory"),
        (["--output", "o" * 300], "ooo, got: File name too long."),
        (["--gpu-id", "9"], "Expected --gpu-id to be the number of a GPU that can be used, got 9"),
        (["--workers", "2"], "Expected --workers with --ray, got it alone."),
        (["--training.nothing.there", "1"], "Expected a config that can be read in config.cfg"),
        (["--paths.train", "${no.such}"], "Expected a config that can be read in config.cfg"),
        (["--paths.train", "x/${paths}/t"], "config.cfg and --paths.train x/${paths}/t, got:"),
    ],
)
def test_one_line(args: list[str], message: str) -> None:
    Path("x").write_text("a file")
    result = train(*args)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00\x80", "can be read in config.cfg, got: 'utf-8' codec can't decode byte"),
        (b"", "Expected the config of a training in config.cfg, got one without [nlp] and [trai"),
        (b"[nlp]\nlang = 'en'", "config.cfg, got one without [training]. `spacy mtl init-config`"),
        (b"[nlp]\nlang = ${no.such}", "Expected a config that can be read in config.cfg, got: "),
        (b"no section", "Expected a config that can be read in config.cfg, got: "),
    ],
)
@pytest.mark.parametrize("command", ["train", "affinity"])
def test_not_a_config(command: str, content: bytes, message: str) -> None:
    Path("config.cfg").write_bytes(content)
    result = CliRunner().invoke(app, [command, "config.cfg", "--output", "out"])
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr
    assert not Path("out").exists()


def test_changed_config() -> None:
    with killed_at(5):
        killed = train("--output", "out", "--checkpoint-steps", "2")
    assert isinstance(killed.exception, Killed)
    changed = train("--output", "out", "--resume", "--training.dropout", "0.5")
    assert changed.exit_code == 1
    assert "the config has changed in training.dropout. Restore it, or" in changed.stderr


def test_stopped_by_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert train("--output", "whole").exit_code == 0
    update = Loop._update

    def send(self: Loop, batch: Any) -> None:
        if self.state.progress.steps == 6:
            signal.raise_signal(signal.SIGTERM)
        update(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_update", send)
        stopped = train("--output", "out")
    assert stopped.exit_code == 143
    assert stopped.stderr.splitlines() == [
        "⚠ Stopped by SIGTERM after step 6. --resume goes on from out/checkpoints/step-00000007"
    ]
    resumed = train("--output", "out", "--resume")
    assert "ℹ Resuming from out/checkpoints/step-00000007" in resumed.output
    assert models(Path("out")) == models(Path("whole"))
    assert log(Path("out")) == log(Path("whole"))


def test_stopped_by_a_signal_before_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def send(*args: Any, **kwargs: Any) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("spacy_mtl.cli.train.initialized", send)
    stopped = train("--output", "out")
    assert stopped.exit_code == 143
    assert stopped.stderr.splitlines() == [
        "⚠ Stopped by SIGTERM before the first step: nothing to save."
    ]


def test_code(config: Config) -> None:
    """A callback that keeps nothing of its own, from a file."""
    Path("code.py").write_text(
        "import spacy\n"
        "@spacy.registry.callbacks('halve.v1')\n"
        "def make():\n"
        "    def halve(nlp, info):\n"
        "        print('step', info['step'])\n"
        "    return halve\n"
    )
    config["training"]["before_update"] = {"@callbacks": "halve.v1"}
    config.to_disk("config.cfg")
    arguments = ["--output", "out", "--code", "code.py", "--training.max_steps", "2"]
    done = train(*arguments)
    assert done.exit_code == 0, done.output
    assert "step 2" in done.output
    with Path("code.py").open("a") as file:
        file.write("# changed\n")
    resumed = train(*arguments, "--resume")
    assert resumed.exit_code == 1
    assert "the content has changed of the file given by --code. Restore it" in resumed.stderr


def test_help_has_examples() -> None:
    text = CliRunner().invoke(app, ["train", "--help"]).output
    assert "spacy mtl train config.cfg --output training --resume" in text


# `spacy` as its own process, which gets a signal when it has made so many steps.
STOPPING = """
import signal, sys
from spacy.cli import setup_cli
from spacy_mtl.training.loop import Loop

signum, steps = int(sys.argv.pop(1)), int(sys.argv.pop(1))
update = Loop._update

def send(self, batch):
    global steps
    update(self, batch)
    steps -= 1
    if not steps:
        signal.raise_signal(signum)

Loop._update = send
setup_cli()
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_in_processes() -> None:
    """Ended by SIGINT, killed, and finished: three processes, each with its own order of sets."""
    assert train("--output", "whole").exit_code == 0
    frequent = ["--output", "out", "--resume", "--checkpoint-steps", "2"]
    arguments = ["mtl", "train", "config.cfg", *frequent]
    codes = []
    for number, signum in enumerate((signal.SIGINT, signal.SIGKILL)):
        command = [sys.executable, "-c", STOPPING, str(int(signum)), "5", *arguments]
        environment = {**os.environ, "PYTHONHASHSEED": str(number + 1)}
        codes.append(subprocess.run(command, env=environment).returncode)
    assert codes == [130, -signal.SIGKILL]
    assert train(*frequent).exit_code == 0
    assert models(Path("out")) == models(Path("whole"))
    assert log(Path("out")) == log(Path("whole"))
