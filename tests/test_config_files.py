from pathlib import Path

import pytest
import spacy
from spacy.util import load_config
from thinc.api import Config

from spacy_mtl.config_files import config_text, path_setting, save_pipeline, with_comments
from spacy_mtl.errors import MTLError

PATHS = ["//wsl$/data/x.spacy", "C$", "$", "a$$b", "$HOME/x", "$(x)", "no dollar", "x%y"]


@pytest.mark.parametrize("path", PATHS)
def test_paths_come_back(tmp_path, path):
    config = Config({"paths": {"x": path}, "corpora": {"x": {"path": "${paths.x}"}}})
    (tmp_path / "c.cfg").write_text(config_text(config), encoding="utf8")
    loaded = load_config(tmp_path / "c.cfg", overrides={"corpora.x.limit": 1})
    assert loaded.interpolate()["corpora"]["x"] == {"path": path, "limit": 1}
    assert config_text(loaded.copy()).startswith(f'[paths]\nx = "{path}"')


@pytest.mark.parametrize("path", PATHS)
def test_paths_of_saved_pipelines_come_back(tmp_path, path):
    nlp = spacy.blank("en", config={"paths": {"train": path}})
    save_pipeline(nlp, tmp_path / "one")
    again = spacy.load(tmp_path / "one")
    save_pipeline(again, tmp_path / "two")
    for folder in ("one", "two"):
        config = load_config(tmp_path / folder / "config.cfg").interpolate()
        assert config["corpora"]["train"]["path"] == path


@pytest.mark.parametrize("path", ["${x}/y", "a${b c}", "x${", "${paths.dev}"])
def test_what_a_config_takes_for_a_variable(path):
    with pytest.raises(MTLError) as error:
        path_setting(Path(path))
    assert f"got {path}. Rename the file or folder, or make a link" in str(error.value)


def test_comments_above_settings(tmp_path):
    text = '[training]\npatience = 3\n\n[training.batcher]\nsize = "a = b"\npatience = 4\n'
    comments = {"training.batcher.patience": "Why " * 40, "training.size": "Not there."}
    lines = with_comments(text, comments).splitlines()
    assert [line for line in lines if not line.startswith("#")] == text.splitlines()
    wrapped = lines[lines.index('size = "a = b"') + 1 : -1]
    assert len(wrapped) == 2
    assert all(line.startswith("# Why Why") and len(line) <= 100 for line in wrapped)
    (tmp_path / "config.cfg").write_text("\n".join(lines), encoding="utf8")
    loaded = load_config(tmp_path / "config.cfg")
    assert loaded["training"] == {"patience": 3, "batcher": {"size": "a = b", "patience": 4}}
