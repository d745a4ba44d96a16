from pathlib import Path

import pytest
from pipeline.helpers import make_nlp
from pipeline.test_topologies import LAYER
from spacy.util import load_model_from_config
from thinc.api import Config

from spacy_mtl.configs.single_task import plain
from spacy_mtl.configs.variants import varied
from spacy_mtl.errors import MTLError


@pytest.fixture
def config() -> Config:
    return make_nlp(["tagger", "ner"]).config


@pytest.mark.parametrize(
    ("change", "value"),
    [("training.dropout=0.5", 0.5), ("training.dropout=abc", "abc"), ("training.new=[1]", [1])],
)
def test_variants(config: Config, change: str, value: object) -> None:
    key = change.partition("=")[0].split(".")[1]
    assert varied(config, change)["training"][key] == value
    assert config["training"].get(key) != value


def test_what_is_the_same_as_a_setting_varies_with_it(config: Config) -> None:
    linked = config.copy()
    linked["components"]["multitask"]["loss_unit"] = "${paths.unit}"
    linked["paths"]["unit"] = "sum"
    found = plain(varied(linked, "paths.unit=mean"), 0)
    assert found["components"]["multitask"]["loss_unit"] == "mean"


@pytest.mark.parametrize("change", ["training.dropout", "nowhere.at.all=1", "dropout=1"])
def test_variants_of_nothing(config: Config, change: str) -> None:
    with pytest.raises(MTLError, match="a change of a setting"):
        varied(config, change)


@pytest.mark.parametrize("change", ["training.max_steps=0", "system.seed=3", "training.patience=5"])
def test_variants_of_what_is_the_same_for_all(config: Config, change: str) -> None:
    with pytest.raises(MTLError, match="the same for all systems"):
        varied(config, change)


STITCHED = """
[components.multitask.model]
@architectures = "spacy_mtl.CrossStitch.v1"

[components.multitask.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 16
upstream = "tok2vec"

[components.multitask.model.encode]
"""


def test_a_file_with_sections(config: Config, tmp_path: Path) -> None:
    lines = [
        f"{key} = {value if not isinstance(value, str) else chr(34) + value + chr(34)}"
        for key, value in LAYER.items()
    ]
    path = tmp_path / "stitched.cfg"
    path.write_text(STITCHED + "\n".join(lines) + "\n\n[training]\ndropout = 0.4\n")
    found = varied(config, str(path))
    assert found["components"]["multitask"]["model"]["@architectures"] == "spacy_mtl.CrossStitch.v1"
    assert found["components"]["multitask"]["tasks"] == config["components"]["multitask"]["tasks"]
    assert found["training"] == {**config["training"], "dropout": 0.4}
    nlp = load_model_from_config(Config(plain(found, 0)), auto_fill=True)
    assert nlp.get_pipe("multitask").model.name == "cross_stitch"  # type: ignore[attr-defined]


def test_files_that_are_none(config: Config, tmp_path: Path) -> None:
    with pytest.raises(MTLError, match="Expected a file with sections of a config as --vary"):
        varied(config, str(tmp_path / "nowhere.cfg"))
    path = tmp_path / "longer.cfg"
    path.write_text("[training]\nmax_steps = 3\n")
    with pytest.raises(MTLError, match="the same for all systems"):
        varied(config, str(path))
