"""A training by several workers: no end when one is lost, and an end where that would not help."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed.test_processes import config_of, parameters, together
from thinc.api import Config
from typer.testing import CliRunner

from spacy_mtl.cli import app
from spacy_mtl.cluster.train import Job, train_on_ray
from spacy_mtl.errors import MTLError
from spacy_mtl.training.output_folder import OutputFolder
from spacy_mtl.training.trainer import Frequency

# A callback that does something to one of the workers behind a step, once.
CODE = """
import os, signal
from pathlib import Path
import spacy

@spacy.registry.callbacks("dying.v1")
def make(folder: str, step: int):
    def before_update(nlp, info):
        try:
            if info["step"] == step:
                (Path(folder) / "died").touch(exist_ok=False)
                {how}
        except FileExistsError:
            pass
    return before_update
"""


def job(config: Config, output: Path, code: Path | None = None, **settings: Any) -> Job:
    folder = OutputFolder(output, 2)
    frequency = Frequency(3, 60.0)
    return Job(config.to_str(), folder, code=code, frequency=frequency, **settings)


def dying(config: Config, folder: Path, how: str = "os.kill(os.getpid(), signal.SIGKILL)") -> Path:
    """The code file of a callback that does this behind a step, put into the config."""
    code = folder / "dying.py"
    code.write_text(CODE.format(how=how))
    callback = {"@callbacks": "dying.v1", "folder": str(folder), "step": 8}
    config["training"]["before_update"] = callback
    return code


def test_a_lost_worker_changes_nothing(machines, tmp_path):
    """By what two processes do that know nothing of Ray, with dropout."""
    config = config_of(tmp_path / "corpora", dropout=0.3)
    config["training"]["before_update"] = None
    assert together(2, config, tmp_path / "processes") == [0, 0]
    code = dying(config, tmp_path)
    train_on_ray(job(config, tmp_path / "workers", code), "auto", 2)
    assert (tmp_path / "died").exists()
    assert (tmp_path / "workers" / "model-best").exists()
    assert not (tmp_path / "workers" / ".ray").exists()
    expected, found = (parameters(tmp_path / name) for name in ("processes", "workers"))
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_an_error_is_told_at_once(machines, tmp_path):
    """By the command, and once, as it would be the same again."""
    config = config_of(tmp_path / "corpora", dropout=0.0)
    code = dying(config, tmp_path, "raise KeyError('this')")
    config.to_disk(tmp_path / "config.cfg")
    given = [str(tmp_path / "config.cfg"), "--output", str(tmp_path / "out"), "--code", str(code)]
    given += ["--ray", "auto", "--workers", "2", "--checkpoint-steps", "3"]
    failed = CliRunner().invoke(app, ["train", *given])
    assert failed.exit_code == 1
    assert "Expected 2 workers to train, got: KeyError: 'this'" in failed.output
    assert OutputFolder(tmp_path / "out").checkpoints.paths()[-1].name == "step-00000006"


def test_more_workers_than_there_are_processors(machines, tmp_path):
    with pytest.raises(MTLError, match="for each of 9, got one with room for 3"):
        train_on_ray(job(config_of(tmp_path, 0.0), tmp_path / "out"), "auto", 9)
