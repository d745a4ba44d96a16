"""The same as spaCy's own loop."""

import io
from pathlib import Path
from typing import Any

import pytest
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as spacy_train
from thinc.api import Config

from spacy_mtl.training.trainer import train

from .runs import frozen, log, mixed, models, plain, run, stock, stopping

CONFIGS = {"mixed": mixed, "stock": stock, "frozen": frozen, "stopping": stopping}
# What differs from the settings that the others have, for spaCy's components.
SETTINGS: dict[str, dict[str, Any]] = {
    "patience": {"patience": 3, "max_steps": 40},
    "epochs": {"max_epochs": 2, "max_steps": 0},
    "streamed": {"max_epochs": -1},
    "accumulated": {"accumulate_gradient": 2},
    "seed": {"seed": 7},
}


def by_spacy(config: Config, output: Path) -> str:
    output.mkdir()
    stdout = io.StringIO()
    spacy_train(init_nlp(config.copy()), output, stdout=stdout, stderr=io.StringIO())
    return stdout.getvalue()


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_same_as_spacys(tmp_path: Path, kind: str) -> None:
    config = CONFIGS[kind](tmp_path)
    theirs = by_spacy(config, tmp_path / "theirs")
    ours = run(config, tmp_path / "ours")
    assert models(tmp_path / "ours") == models(tmp_path / "theirs")
    assert log(tmp_path / "ours") == log(tmp_path / "theirs")
    assert ours.split() == plain(theirs).replace("theirs", "ours").split()


@pytest.mark.parametrize("name", list(SETTINGS))
def test_every_setting_means_the_same(tmp_path: Path, name: str) -> None:
    config = stock(tmp_path)
    config["training"].update(SETTINGS[name])
    by_spacy(config, tmp_path / "theirs")
    run(config, tmp_path / "ours")
    assert models(tmp_path / "ours") == models(tmp_path / "theirs")
    assert log(tmp_path / "ours") == log(tmp_path / "theirs")


def test_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    config = mixed(tmp_path / "..")
    config["training"]["max_steps"] = 2
    ours = train(init_nlp(config.copy()), stdout=io.StringIO(), stderr=io.StringIO())
    theirs, _ = spacy_train(init_nlp(config.copy()), stdout=io.StringIO(), stderr=io.StringIO())
    assert ours.to_bytes() == theirs.to_bytes()
    assert sorted(tmp_path.iterdir()) == before
