import json
import shutil
from importlib import import_module
from pathlib import Path

import pytest
import spacy
from card.made import save_pipeline
from pipeline.helpers import run_spacy
from report.made import make
from typer.testing import CliRunner

from spacy_mtl.card.card import MARK
from spacy_mtl.cli import app


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pipeline, test documents, and a comparison of its tasks."""
    folder = tmp_path_factory.mktemp("card")
    save_pipeline(make(folder / "comparison"), folder / "model")
    shutil.copy(folder / "comparison/test.spacy", folder / "test.spacy")
    return folder


@pytest.fixture
def model(folder, tmp_path, monkeypatch):
    """A copy of the pipeline, in the working directory."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANSI_COLORS_DISABLED", "1")
    return Path("model")


def card(*args):
    return CliRunner().invoke(app, ["card", "model", "--test", "test.spacy", *args])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def meta_of(folder: Path):
    return json.loads((folder / "meta.json").read_text(encoding="utf-8"))


def test_the_package_carries_card_and_scores(model, monkeypatch):
    before = meta_of(model)
    monkeypatch.setattr("sys.argv", ["spacy", "mtl", "card", "model", "--limits", "a b"])
    made = ["--comparison", "comparison", "--name", "demo", "--version", "1.2.3"]
    result = card(*made, "--command", "make corpus", "--limits", "Not for *law*.")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1].endswith("meta.json: 4 test documents")
    readme = (model / "README.md").read_text(encoding="utf-8")
    block = readme.partition("```bash\n")[2].partition("```")[0].splitlines()
    compared = "spacy mtl compare config.cfg"
    assert block == ["make corpus", compared, "spacy mtl card model --limits 'a b'"]
    Path("packages").mkdir()
    run_spacy("package", "model", "packages", "--build", "none")
    package = Path("packages/en_demo-1.2.3")
    inside = package / "en_demo/en_demo-1.2.3"
    for place in (package, inside):
        assert (place / "README.md").read_text(encoding="utf-8") == readme
        performance = meta_of(place)["performance"]
        assert before["performance"].items() <= performance.items()
        assert performance["ner_f_test_low"] <= performance["ner_f_test"] <= 1
    loaded = spacy.load(inside).meta["performance"]
    assert loaded["ner_f_test_low"] == pytest.approx(performance["ner_f_test_low"])
    assert "NER_F_TEST_HIGH" in import_module("spacy.cli.package").generate_readme(meta_of(model))


def test_training_data_and_command_are_those_of_the_config(model):
    train = model.parent / "train.spacy"
    shutil.copy("test.spacy", train)
    config = (model / "config.cfg").read_text(encoding="utf-8")
    assert "train = null" in config
    for corpus in ("train", "dev"):
        config = config.replace(f"{corpus} = null", f'{corpus} = "{train.as_posix()}"', 1)
    (model / "config.cfg").write_text(config, encoding="utf-8")
    assert card().exit_code == 0
    readme = (model / "README.md").read_text(encoding="utf-8")
    assert "| Task | `train` | `test` |" in readme
    assert "\nspacy train model/config.cfg --output training\n" in readme
    train.unlink()
    with pytest.warns(UserWarning, match="The card is without 'train'"):
        assert card("--command", "make").exit_code == 0
    readme = (model / "README.md").read_text(encoding="utf-8")
    assert "the training data could not be read" in readme and "spacy train" not in readme


def test_only_two_files_change_and_the_same_again(model):
    before = contents(model)
    assert card().exit_code == 0
    first = contents(model)
    changed = {name for name, data in first.items() if data != before.get(name)}
    assert changed == {str(model / "README.md"), str(model / "meta.json")}
    meta = {**meta_of(model), "performance": {}}
    assert meta == {**json.loads(before[str(model / "meta.json")]), "performance": {}}
    assert card().exit_code == 0
    assert contents(model) == first


def test_a_readme_of_others_needs_force(model):
    (model / "README.md").write_text("# My own\n")
    before = contents(model)
    result = card()
    assert result.exit_code == 1 and "--force replaces it" in result.stderr
    assert contents(model) == before
    assert card("--force").exit_code == 0
    assert MARK in (model / "README.md").read_text(encoding="utf-8")


def test_bad_input_changes_nothing(model, folder):
    results = json.loads(Path("comparison/results.json").read_text(encoding="utf-8"))
    results["tasks"]["ner"]["labels"] = ["LOC"]
    Path("other").mkdir()
    Path("other/results.json").write_text(json.dumps(results))
    Path("damaged.spacy").write_bytes(b"no docs")
    before = contents(model)
    for args, message in [
        (["--comparison", "other"], "ner had other labels"),
        (["--comparison", "nowhere"], "results of `spacy mtl compare`"),
        (["--test", "damaged.spacy"], "DocBin"),
        (["--name", "no name"], "a name of letters"),
    ]:
        result = card(*args)
        assert result.exit_code == 1 and message in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    assert contents(model) == before
    nothing = CliRunner().invoke(app, ["card", "nowhere", "--test", "test.spacy"])
    assert nothing.exit_code == 1 and "folder of a trained pipeline" in nothing.stderr


def test_both_files_or_none(model):
    (model / "README.md").mkdir()
    before = contents(model)
    result = card("--force")
    assert result.exit_code == 1 and "to write model" in result.stderr
    assert contents(model) == before and not list(model.glob(".*"))
