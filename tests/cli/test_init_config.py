import json
from pathlib import Path

import pytest
import spacy
from spacy.cli.train import train
from spacy.util import load_config
from typer.testing import CliRunner

from spacy_mtl.cli import app

from .conftest import save, texts

DATA = ("--train", "moods.spacy", "--train", "names.spacy", "--dev", "dev.spacy")
SMALL = {
    "components.tok2vec.model.embed.width": 16,
    "components.tok2vec.model.encode.width": 16,
    "components.multitask.model.tok2vec.width": 16,
    "components.tok2vec.model.encode.depth": 1,
    "components.tok2vec.model.embed.rows": [100, 20, 50, 50],
    "training.max_steps": 4,
    "training.eval_frequency": 2,
}


def init_config(*args: str):
    return CliRunner().invoke(app, ["init-config", *args])


def test_trains_unchanged(corpora):
    result = init_config("conf/my.cfg", *DATA)
    assert result.exit_code == 0, result.output
    assert "spacy train conf/my.cfg --output training" in result.stdout
    train("conf/my.cfg", "training", overrides=SMALL)
    nlp = spacy.load("training/model-best")
    performance = nlp.meta["performance"]
    weights = load_config("conf/my.cfg")["training"]["score_weights"]
    assert {key for key, weight in weights.items() if weight} <= set(performance)
    assert nlp.get_pipe("multitask").label_data == {
        path.stem: json.loads(path.read_text()) for path in Path("conf/my_labels").iterdir()
    }
    doc = nlp("Ana saw Rio today")
    assert set(doc.cats) == {"mood=glad", "mood=sad", "rude"}
    assert doc[0].tag_ in {"NNP", "VBZ", "RB", "CD"}
    assert "sc" in doc.spans


def test_labels_beside_the_config(corpora):
    assert init_config("my.cfg", *DATA).exit_code == 0
    assert json.loads(Path("my_labels/mood.json").read_text()) == ["mood=glad", "mood=sad"]
    labels = load_config("my.cfg", interpolate=True)["initialize"]["components"]["multitask"]
    assert labels["labels"]["mood"]["path"] == "my_labels/mood.json"


def test_missing_labels_stop_the_training(corpora):
    assert init_config("my.cfg", *DATA).exit_code == 0
    overrides = {**SMALL, "paths.labels": "elsewhere"}
    with pytest.raises(ValueError, match="elsewhere"):
        train("my.cfg", "training", overrides=overrides)


def test_summary(corpora):
    lines = init_config("my.cfg", *DATA).stdout.splitlines()
    cells = [line.split() for line in lines]
    assert ["tagger", "tag", "tag_acc", "(0.17)", "4", "120", "tokens"] in cells
    assert ["mood", "cats[mood]", "mood_score", "(0.17)", "2", "24", "docs"] in cells
    assert ["names", "names.spacy", "ents,", "spans[sc]", "24"] in cells
    assert "✔ Nothing found that would hurt." in lines


def test_shows_how_to_declare_labels(corpora, make_doc):
    words = [(f"{w} ; {i}", i) for i, w in texts(24)]
    places = [make_doc(w, ents=["O", "O", "B-LOC", *["O"] * 3]) for w, _ in words]
    save("places.spacy", places)
    result = init_config("my.cfg", *DATA, "--train", "places.spacy")
    assert result.exit_code == 0, result.output
    assert "in ner, places has no PER." in " ".join(result.stdout.split())
    declaration = '[corpora.train.labels.places]\nner = ["LOC"]\n'
    assert declaration in result.stdout
    assert "[corpora.train.labels." not in Path("my.cfg").read_text()
    with Path("my.cfg").open("a") as config:
        config.write(f"\n{declaration}")
    train("my.cfg", "training", overrides=SMALL)
    assert set(spacy.load("training/model-best").get_pipe("multitask").labels_for("ner")) == {
        "LOC",
        "PER",
    }


def test_says_what_dev_cannot_score(corpora):
    result = init_config("my.cfg", "--train", "names.spacy", "--dev", "moods.spacy")
    assert result.exit_code == 1
    assert "to choose the best model by" in result.stderr
    assert not Path("my.cfg").exists()
    assert not Path("my_labels").exists()


def test_does_not_replace_without_force(corpora):
    for existing in ("my.cfg", "my_labels"):
        path = Path(existing)
        path.mkdir() if existing == "my_labels" else path.write_text("mine")
        result = init_config("my.cfg", *DATA)
        assert result.exit_code == 1
        assert (
            result.stderr
            == f"✘ Expected to write a new {path}, but it exists. --force replaces it.\n"
        )
        path.rmdir() if path.is_dir() else path.unlink()
    Path("my.cfg").write_text("mine")
    assert init_config("my.cfg", *DATA, "--force").exit_code == 0
    assert Path("my.cfg").read_text().startswith("[paths]")


def test_one_line_about_a_language_that_is_none(corpora):
    result = init_config("my.cfg", *DATA, "--lang", "klingon")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "code of a language, such as 'en', got 'klingon'" in result.stderr


def test_help_has_examples():
    result = init_config("--help")
    assert "init-config config.cfg --train train.spacy --dev dev.spacy" in result.output


def test_a_dollar_sign_in_paths(corpora):
    Path("C$").mkdir()
    for name in ("moods.spacy", "names.spacy", "dev.spacy"):
        Path(name).rename(Path("C$", name))
    data = [f"C$/{part}" if part.endswith(".spacy") else part for part in DATA]
    result = init_config("C$/my.cfg", *data)
    assert result.exit_code == 0, result.output
    train("C$/my.cfg", "spacys", overrides=SMALL)
    short = [part for key, value in SMALL.items() for part in (f"--{key}", json.dumps(value))]
    ours = CliRunner().invoke(app, ["train", "C$/my.cfg", "--output", "ours", *short])
    assert ours.exit_code == 0, ours.output
    expected = spacy.load("spacys/model-last").get_pipe("multitask").label_data
    assert spacy.load("ours/model-last").get_pipe("multitask").label_data == expected
    again = load_config("ours/model-last/config.cfg").interpolate()["paths"]
    assert again["dev"] == "C$/dev.spacy"


@pytest.mark.parametrize("part", ["${x}", "a${b c}", "x${"])
def test_a_variable_in_a_path(corpora, part):
    Path(part).mkdir()
    Path("moods.spacy").rename(Path(part, "moods.spacy"))
    result = init_config("my.cfg", "--train", f"{part}/moods.spacy", "--dev", "dev.spacy")
    assert result.exit_code == 1
    assert f"got {part}/moods.spacy. Rename the file or folder, or make a link" in result.stderr
    assert not Path("my.cfg").exists()
    where_labels_go = init_config(f"{part}/c.cfg", "--train", "names.spacy", "--dev", "dev.spacy")
    assert f"got {part}/c_labels. Rename" in where_labels_go.stderr
    assert init_config("my.cfg", "--train", "names.spacy", "--dev", "dev.spacy").exit_code == 0
    override = ["train", "my.cfg", "--paths.train", f"{part}/moods.spacy"]
    overridden = CliRunner().invoke(app, override)
    assert overridden.exit_code == 1
    assert f"{part}/moods.spacy" in overridden.stderr
    assert "rename it, or make a link to it" in overridden.stderr


def test_some_of_the_tasks(corpora):
    result = init_config("my.cfg", *DATA, "--tasks", " mood,tagger ")
    assert result.exit_code == 0, result.output
    config = load_config("my.cfg")
    assert [*config["components"]["multitask"]["tasks"]] == ["tagger", "mood"]
    assert sorted(path.name for path in Path("my_labels").iterdir()) == ["mood.json", "tagger.json"]
    assert "names.spacy" not in Path("my.cfg").read_text()
    assert "Left out, as these tasks learn nothing from it: names.spacy." in result.stdout
    train("my.cfg", "training", overrides=SMALL)
    assert [*spacy.load("training/model-best").get_pipe("multitask").tasks] == ["tagger", "mood"]


def test_unknown_tasks(corpora):
    result = init_config("my.cfg", *DATA, "--tasks", "tagger,parser")
    assert result.exit_code == 1
    printed = " ".join(result.output.split())
    assert "Expected tasks out of tagger, pos, ner, spans_sc, " in printed
    assert "got parser." in printed
    assert not Path("my.cfg").exists()


def test_docs_of_one_sentence_teach_no_sentences(make_doc):
    """...so that the task is not among those to choose from."""
    for name in ("train", "dev"):
        save(f"{name}.spacy", [make_doc("Oh dear", tags=["UH", "JJ"], sent_starts=[True, False])])
    result = init_config(
        "a.cfg", "--train", "train.spacy", "--dev", "dev.spacy", "--tasks", "senter"
    )
    printed = " ".join(result.output.split())
    assert "got senter. Docs of one sentence teach no task where sentences begin." in printed
    assert "Convert with --group 10" in printed


def test_warns_only_of_what_the_tasks_learn(corpora, make_doc):
    save("odd.spacy", [make_doc("Oh dear", tags=["UH", "JJ"], ents=["B-X", "O"])])
    data = ("--train", "moods.spacy", "--train", "names.spacy", "--dev", "odd.spacy")
    assert "has labels of ents that no training file has" in printed(init_config("a.cfg", *data))
    some = printed(init_config("b.cfg", *data, "--tasks", "tagger"))
    assert "has labels of tag that no training file has" in some
    assert "ents" not in some


def printed(result) -> str:
    return " ".join(result.output.split())
