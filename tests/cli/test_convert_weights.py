from pathlib import Path

import pytest
import spacy
from pipeline.helpers import annotations, make_nlp, trained
from training.pipelines import inline, shared, without_encoder
from typer.testing import CliRunner

from spacy_mtl.cli import app


@pytest.fixture(autouse=True)
def working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def convert(*args: str):
    return CliRunner().invoke(app, ["convert-weights", *args])


def test_there_and_back():
    nlp = shared()
    nlp.to_disk("stock")
    there = convert("stock", "new/fast", "--precision", "fp32")
    assert there.exit_code == 0, there.output
    assert there.stdout.splitlines() == [
        "tok2vec: HashEmbedCNN.v2 -> HashEmbed.v1 + WindowEncoder.v1",
        f"Wrote {Path('new/fast')}",
    ]
    back = convert("new/fast", "back", "--back")
    assert back.stdout.splitlines() == [
        "tok2vec: HashEmbed.v1 + WindowEncoder.v1 -> MultiHashEmbed.v2 + MaxoutWindowEncoder.v2",
        "Wrote back",
    ]
    for path in ("new/fast", "back"):
        assert annotations(spacy.load(path)) == annotations(nlp)


def test_says_what_keeps_the_pipeline_to_this_package():
    trained(make_nlp(["tagger"]), layers=["tagger"]).to_disk("stock")
    assert convert("stock", "fast").exit_code == 0
    back = convert("fast", "back", "--back")
    assert back.stdout.splitlines()[1:] == ["Wrote back", "Still needs spacy-mtl for: multitask"]


def test_refuses_to_overwrite():
    inline().to_disk("stock")
    Path("fast").mkdir()
    result = convert("stock", "fast")
    assert result.exit_code == 1
    assert "Expected to write a new fast, but it exists. --overwrite replaces it." in result.stderr
    assert list(Path("fast").iterdir()) == []
    assert convert("stock", "stock", "--overwrite").exit_code == 0


def test_one_line_about_nothing_to_convert():
    without_encoder().to_disk("stock")
    result = convert("stock", "fast")
    assert result.exit_code == 1
    assert "encoders of spaCy's (HashEmbedCNN.v2, " in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not Path("fast").exists()


def test_help_has_examples():
    assert "convert-weights en_core_web_sm fast" in convert("--help").output
