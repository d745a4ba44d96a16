"""A training by several workers: the model of one, and no end when a worker is lost."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from thinc.api import Config
from training.runs import mixed
from typer.testing import CliRunner

from spacy_mtl.cli import app
from spacy_mtl.cluster.train import Job, train_on_ray
from spacy_mtl.errors import MTLError
from spacy_mtl.optimizing.parameter_state import on_host, value_of
from spacy_mtl.optimizing.parameters import named_parameters
from spacy_mtl.training.initialization import initialized
from spacy_mtl.training.output_folder import OutputFolder
from spacy_mtl.training.trainer import Frequency, train

STEPS = 12
# A callback that kills one of the workers behind a step, once.
CODE = """
import os, signal
from pathlib import Path
from typing import Any
import spacy

@spacy.registry.callbacks("dying.v1")
def make(folder: str, step: int):
    def before_update(nlp, info):
        try:
            if info["step"] == step:
                (Path(folder) / "died").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
        except FileExistsError:
            pass
    return before_update
"""


def config_of(folder: Path, dropout: float) -> Config:
    folder.mkdir(exist_ok=True)
    config = mixed(folder)
    config["training"].update(dropout=dropout, max_steps=STEPS, eval_frequency=4)
    return config


def job(config: Config, output: Path, code: Path | None = None, **settings: Any) -> Job:
    folder = OutputFolder(output, 2)
    frequency = Frequency(3, 60.0)
    return Job(config.to_str(), folder, code=code, frequency=frequency, **settings)


def parameters(model: Path) -> dict[str, np.ndarray]:
    import spacy

    return {p.name: on_host(value_of(p)) for p in named_parameters(spacy.load(model))}


def test_a_lost_worker_changes_nothing(machines, tmp_path):
    """With dropout: its random numbers are those of the worker and the step."""
    found = []
    for died in (True, False):
        folder = tmp_path / f"died-{died}"
        config = config_of(tmp_path / "corpora", dropout=0.3)
        code = tmp_path / "dying.py"
        code.write_text(CODE)
        state = tmp_path / "state"
        state.mkdir(exist_ok=True)
        config["training"]["before_update"] = {
            "@callbacks": "dying.v1",
            "folder": str(state),
            "step": 8,
        }
        train_on_ray(job(config, folder, code), "auto", 2)
        assert (state / "died").exists()
        found.append(parameters(folder / "model-last"))
    for name, expected in found[1].items():
        np.testing.assert_array_equal(found[0][name], expected, err_msg=name)


def test_several_workers_train_what_one_does(machines, tmp_path):
    """Without dropout, by the command: two up to an error, which is told at once, as it would be
    the same again; then three from the last checkpoint on."""
    config = config_of(tmp_path / "corpora", dropout=0.0)
    config["training"]["before_update"] = None  # in place of which an error is put
    train(initialized(config), OutputFolder(tmp_path / "one"))
    code = tmp_path / "dying.py"
    code.write_text(CODE.replace("os.kill(os.getpid(), signal.SIGKILL)", "raise KeyError('this')"))
    callback = {"@callbacks": "dying.v1", "folder": str(tmp_path), "step": 8}
    config["training"]["before_update"] = callback
    config.to_disk(tmp_path / "config.cfg")
    output = tmp_path / "more"
    given = ["train", str(tmp_path / "config.cfg"), "--output", str(output), "--code", str(code)]
    given += ["--ray", "auto", "--checkpoint-steps", "3", "--workers"]
    failed = CliRunner().invoke(app, [*given, "2"])
    assert failed.exit_code == 1
    assert "Expected 2 workers to train, got: KeyError: 'this'" in failed.output
    assert [path.name for path in OutputFolder(output).checkpoints.paths()][-1:] == [
        "step-00000006"
    ]
    assert CliRunner().invoke(app, [*given, "3", "--resume"]).exit_code == 0
    assert (output / "model-best").exists()
    assert not (output / ".ray").exists()
    one, more = (parameters(tmp_path / name / "model-last") for name in ("one", "more"))
    assert one.keys() == more.keys()
    for name, expected in one.items():
        np.testing.assert_allclose(more[name], expected, rtol=1e-3, atol=1e-5, err_msg=name)


def test_more_workers_than_there_are_processors(machines, tmp_path):
    with pytest.raises(MTLError, match="for each of 9, got one with room for 3"):
        train_on_ray(job(config_of(tmp_path, 0.0), tmp_path / "out"), "auto", 9)
