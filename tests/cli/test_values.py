"""Classes and ratings, from a table to annotated texts."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.cli._util import app as spacy_app
from spacy.tokens import DocBin
from spacy.util import load_config
from typer.testing import CliRunner

from spacy_mtl.cli import app
from spacy_mtl.values import note_values, register_extension

from .test_init_config import SMALL

GOOD, BAD = ("lovely", "warm", "kind"), ("cold", "rude", "late")
THINGS = {"hotel": "room", "food": "soup"}


def invoke(*arguments: Any) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def rows(n: int, offset: int) -> list[dict[str, Any]]:
    """Texts with a class, with stars, which some lack, and whether somebody found them helpful."""
    found = []
    for i in range(offset, offset + n):
        topic, good = ("hotel", "food")[i % 2], i % 4
        words = [*GOOD[:good], *BAD[good:]]
        text = f"The {THINGS[topic]} {i} was {', '.join(words)} ."
        stars = "" if i % 7 == 0 else good - 1
        found.append({"text": text, "topic": topic, "stars": stars, "helpful": i % 3 % 2})
    return found


def write(name: str, n: int, offset: int) -> None:
    with Path(name).open("w", encoding="utf8", newline="") as file:
        table = csv.DictWriter(file, ["text", "topic", "stars", "helpful"])
        table.writeheader()
        table.writerows(rows(n, offset))


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANSI_COLORS_DISABLED", "1")
    for name, n, offset in (("train", 60, 0), ("dev", 12, 100)):
        write(f"{name}.csv", n, offset)
    return tmp_path


def convert(*options: str) -> None:
    for name in ("train", "dev"):
        said = invoke("convert", f"{name}.csv", f"{name}.spacy", "--cats-from", "topic", *options)
        assert "values" in said


DATA = ("--train", "train.spacy", "--dev", "dev.spacy")


@pytest.mark.slow
def test_from_a_table_to_annotated_texts(tables: Path) -> None:
    convert("--values-from", "stars")
    shown = invoke("inspect", "train.spacy", "--dev", "dev.spacy")
    cells = [line.split() for line in shown.splitlines()]
    assert ["values[stars]", "docs", "51", "(85.0%)", "11", "(91.7%)"] in cells
    assert "from -1 to 2, mean" in shown and "Nothing found that would hurt" in shown
    shown = json.loads(invoke("inspect", "train.spacy", "--json"))["train"][0]["layers"]
    (found,) = [layer for layer in shown if layer["layer"] == "values"]
    assert (found["group"], found["labelled"], found["lowest"]) == ("stars", 51, -1.0)

    shown = invoke("init-config", "my.cfg", *DATA)
    assert "values[stars]" in shown
    config = load_config("my.cfg")
    tasks = config["components"]["multitask"]["tasks"]
    assert set(tasks) == {"topic", "stars"}
    assert tasks["stars"]["@mtl_tasks"] == "spacy_mtl.Regression.v1"
    assert tasks["stars"]["keys"] == ["stars"]
    assert config["training"]["score_weights"]["values_score"] == 0.5
    assert json.loads(Path("my_labels/topic.json").read_text()) == ["topic=food", "topic=hotel"]
    assert not Path("my_labels/stars.json").exists()

    overrides = [f"--{key}={json.dumps(value)}" for key, value in SMALL.items()]
    steps = ["--training.max_steps=60", "--training.eval_frequency=20"]
    result = CliRunner().invoke(
        spacy_app, ["train", "my.cfg", "--output", "training", *overrides, *steps]
    )
    assert result.exit_code == 0, result.output
    nlp = spacy.load("training/model-best")
    assert nlp.meta["performance"]["values_score"] > 0.5

    shown = invoke("evaluate", "training/model-best", "dev.spacy")
    assert "mean absolute error (lower is better)" in shown and "spearman" in shown
    scores = json.loads(invoke("evaluate", "training/model-best", "dev.spacy", "--json"))
    assert scores["tasks"]["stars"]["scores"]["per_key"]["stars"]["docs"] == 11

    texts = ["The room was lovely, warm, kind .", "The soup was cold, rude, late ."]
    lines = [json.dumps({"text": text}) for text in texts]
    Path("texts.jsonl").write_text("\n".join(lines), encoding="utf8")
    invoke("annotate", "training/model-best", "texts.jsonl", "out.jsonl")
    out = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [set(row["values"]) for row in out] == [{"stars"}] * 2
    assert out[0]["values"]["stars"] > out[1]["values"]["stars"]
    assert all(set(row["cats"]) == {"topic=food", "topic=hotel"} for row in out)
    shown = invoke("convert", "out.jsonl", "again.spacy").split()
    assert shown[shown.index("values") + 1] == "2"

    invoke("visualize", "training/model-best", "dev.spacy", "page.html")
    page = Path("page.html").read_text(encoding="utf8")
    assert "<dt>values of documents</dt><dd>{&quot;stars&quot;: " in page

    invoke("card", "training/model-best", "--test", "dev.spacy")
    card = Path("training/model-best/README.md").read_text(encoding="utf8")
    assert "`doc._.values['stars']`" in card and "type: mae" in card
    assert "Without confidences, as they have no probabilities: `stars`" in card
    shown = invoke("calibrate", "training/model-best", "dev.spacy", "--output", "calibrated")
    assert "stars: has no probabilities to calibrate" in shown


def test_a_key_that_is_only_0_and_1(tables: Path) -> None:
    """It is a value if somebody says so, at either command."""
    convert("--values-from", "stars,helpful")
    invoke("init-config", "a.cfg", *DATA)
    assert set(load_config("a.cfg")["components"]["multitask"]["tasks"]) == {
        "topic",
        "stars",
        "helpful",
    }
    bare()
    invoke("init-config", "b.cfg", *DATA)
    tasks = load_config("b.cfg")["components"]["multitask"]["tasks"]
    assert set(tasks) == {"topic", "stars", "textcat"}
    shown = invoke("init-config", "c.cfg", *DATA, "--values", "helpful")
    assert "values[helpful]" in shown
    tasks = load_config("c.cfg")["components"]["multitask"]["tasks"]
    assert set(tasks) == {"topic", "stars", "helpful"}
    assert json.loads(Path("c_labels/topic.json").read_text()) == ["topic=food", "topic=hotel"]
    result = CliRunner().invoke(app, ["init-config", "d.cfg", *DATA, "--values", "stras"])
    assert result.exit_code and "got stras" in result.output


def bare() -> None:
    """The files without what is noted in them, as other tools write them."""
    vocab = spacy.blank("en").vocab
    for path in ("train.spacy", "dev.spacy"):
        docs = list(DocBin().from_disk(path).get_docs(vocab))
        DocBin(docs=docs).to_disk(path)


def test_files_with_both_habits(tables: Path) -> None:
    convert("--values-from", "stars,helpful")
    bare()
    docs = list(DocBin().from_disk("dev.spacy").get_docs(spacy.blank("en").vocab))
    for doc in docs:
        doc.cats = {**doc.cats, "helpful": 0.5}
    DocBin(docs=docs).to_disk("dev.spacy")
    shown = invoke("inspect", "train.spacy", "--dev", "dev.spacy")
    assert "'helpful' in doc.cats is only ever 0 or 1 in train.spacy" in " ".join(shown.split())
    assert "values[helpful]" in shown


def test_constant_values_have_no_task(tables: Path) -> None:
    for name in ("train", "dev"):
        Path(f"{name}.csv").write_text("text,topic,stars\na b,x,3\nc d,y,3\ne f,x,3\n", "utf8")
    convert("--values-from", "stars")
    shown = invoke("init-config", "a.cfg", *DATA)
    assert "there is nothing to learn" in " ".join(shown.split())
    assert set(load_config("a.cfg")["components"]["multitask"]["tasks"]) == {"topic"}


def test_errors_name_file_and_line(tables: Path) -> None:
    Path("bad.csv").write_text("text,stars\na,4\nb,four\n", encoding="utf8")
    result = CliRunner().invoke(app, ["convert", "bad.csv", "bad.spacy", "--values-from", "stars"])
    assert "bad.csv:3: Expected a number as the value of 'stars', got 'four'" in result.output
    result = CliRunner().invoke(
        app, ["convert", "train.csv", "x.spacy", "--values-from", "stars", "--missing", "-1,0"]
    )
    assert result.exit_code == 0 and "'-1' as stars was taken as missing" in result.stdout


def test_annotate_forgets_earlier_values(tables: Path) -> None:
    """Of a `.spacy` file, as all annotation is made anew."""
    register_extension()
    nlp = spacy.blank("en")
    doc = nlp("The room was warm .")
    doc.cats = {"stars": 4.0}
    note_values(doc, {"old": 1.0})
    DocBin(docs=[doc], store_user_data=True).to_disk("old.spacy")
    nlp.to_disk("pipeline")
    invoke("annotate", "pipeline", "old.spacy", "out.jsonl")
    (row,) = map(json.loads, Path("out.jsonl").read_text().splitlines())
    assert "values" not in row and "cats" not in row
