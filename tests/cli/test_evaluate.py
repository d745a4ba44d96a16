import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from card.made import save_pipeline
from pipeline.helpers import LAYERS, make_nlp, trained, write_corpus
from report.made import make
from spacy.tokens import Doc, DocBin
from training.runs import plain
from typer.testing import CliRunner

from spacy_mtl.cli import app


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline with all kinds of tasks, and documents with all layers, or entities alone."""
    folder = tmp_path_factory.mktemp("evaluate")
    nlp = trained(make_nlp())
    nlp.to_disk(folder / "model")
    write_corpus(folder / "test.spacy", nlp)
    write_corpus(folder / "names.spacy", nlp, ["ner"])
    return folder


@pytest.fixture(autouse=True)
def in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ANSI_COLORS_DISABLED", "1")


def evaluate(*args: str) -> Any:
    return CliRunner().invoke(app, ["evaluate", *args])


def rows(printed: str, title: str = "") -> list[list[str]]:
    """The cells of the lines from a title on, up to the next one."""
    parts = [p for p in plain(printed).split("\n=") if not title or f" {title} " in p]
    return [line.split() for line in parts[0].splitlines() if line.strip()]


def test_every_task_with_its_labels(folder: Path) -> None:
    found = evaluate("model", "test.spacy")
    assert found.exit_code == 0, found.output
    assert [row[0] for row in rows(found.stdout)[2:]] == list(LAYERS)
    scored = spacy.load(folder / "model").get_pipe("multitask")
    for name, task in scored.tasks.items():  # type: ignore[attr-defined]
        first = {row[0] for row in rows(found.stdout, name)}
        assert set(task.labels) <= first or name == "lemma"  # which is right or wrong as a whole
    assert ["lemma", "accuracy"] in [row[:2] for row in rows(found.stdout)]
    assert ["label", "p", "r", "f", "gold", "auc"] in rows(found.stdout, "topic")
    assert ["feature", "p", "r", "f"] in rows(found.stdout, "morph")
    assert ["acc", "micro_p", "micro_r", "micro_f"] in rows(found.stdout, "morph")
    assert found.stdout.splitlines()[-1] == "test.spacy: 6 documents, 25 tokens"


def test_scores_are_those_of_spacys_command(folder: Path) -> None:
    found = json.loads(evaluate("model", "test.spacy", "--json").stdout)
    nlp = spacy.load(folder / "model")
    docs = DocBin().from_disk(folder / "test.spacy").get_docs(nlp.vocab)
    scores = nlp.evaluate([spacy.training.Example(nlp.make_doc(doc.text), doc) for doc in docs])
    assert scores["topic_macro_auc"] is not None
    for name, task in found["tasks"].items():
        assert task["scores"] == {
            key.removeprefix(f"{name}_"): value
            for key, value in scores.items()
            if key.startswith(f"{name}_")
        }
        assert task["low"] <= task["score"] <= task["high"]
    assert found["tasks"]["ner"]["score"] == pytest.approx(scores["ner_f"])
    assert found["tasks"]["ner"]["labels"]["PER"]["gold"] == 4


def test_what_is_not_labelled_has_no_score(folder: Path) -> None:
    written = evaluate("model", "names.spacy", "--output", "new/scores.json")
    assert written.exit_code == 0, written.output
    summary = {row[0]: row[-4:] for row in rows(written.stdout)}
    assert summary["topic"] == ["-", "-", "-", "0"] and "-" not in summary["ner"]
    _, only, *_ = rows(written.stdout, "topic")
    assert " ".join(only) == "ℹ The data say nothing about it in doc.cats."
    found = json.loads((folder / "new/scores.json").read_text(encoding="utf-8"))
    for name, task in found["tasks"].items():
        numbers = [task["score"], task["low"], task["scores"].get("f", task["scores"].get("acc"))]
        assert all(value is None for value in numbers) == (name != "ner")


def test_labels_that_the_task_does_not_know(folder: Path) -> None:
    vocab = spacy.blank("en").vocab
    docs = [Doc(vocab, words=["Ana", "runs"], tags=["NEW", "NEWER"])]
    DocBin(docs=docs).to_disk(folder / "new_tags.spacy")
    found = evaluate("model", "new_tags.spacy")
    assert found.exit_code == 0, found.output
    assert "⚠ 2 labelled units have labels that the task does not know." in found.stdout
    assert rows(found.stdout)[2][2] == "0.0000"


def test_tasks_with_names_that_begin_alike(tmp_path: Path) -> None:
    settings = {"@mtl_tasks": "spacy_mtl.Tagger.v1", "attr": "POS"}
    nlp = trained(make_nlp({"tag": {"@mtl_tasks": "spacy_mtl.Tagger.v1"}, "tag_micro": settings}))
    nlp.to_disk(tmp_path / "model")
    write_corpus(tmp_path / "test.spacy", nlp)
    found = json.loads(evaluate(str(tmp_path / "model"), str(tmp_path), "--json").stdout)
    assert {name: list(task["scores"]) for name, task in found["tasks"].items()} == {
        "tag": ["acc"],
        "tag_micro": ["acc"],
    }


def test_the_same_as_the_card(tmp_path: Path) -> None:
    made = make(tmp_path / "comparison")
    save_pipeline(made, tmp_path / "model")
    args = [str(tmp_path / "model"), str(made.test)]
    found = json.loads(evaluate(*args, "--json").stdout)
    card = CliRunner().invoke(app, ["card", args[0], "--test", args[1]])
    assert card.exit_code == 0, card.output
    meta = json.loads((tmp_path / "model/meta.json").read_text(encoding="utf-8"))
    names = {"mood": "macro_f", "ner": "f", "tagger": "accuracy"}
    for name, metric in names.items():
        assert found["tasks"][name]["low"] == meta["performance"][f"{name}_{metric}_test_low"]


def test_wrong_input(folder: Path) -> None:
    Path("list.jsonl").write_text('{"text": "Ana"}\n')
    DocBin(docs=[spacy.blank("en")("Ana runs")]).to_disk("bare.spacy")
    spacy.blank("en").to_disk("blank")
    for args, message in [
        (["model", "bare.spacy"], "got none in 1 documents. Name labelled test data."),
        (["model", "list.jsonl"], "list.jsonl"),
        (["nowhere", "test.spacy"], "that can be loaded, got 'nowhere'"),
        (["blank", "test.spacy"], "got one with no component"),
        (["model", "test.spacy", "--gpu-id", "9"], "the number of a GPU"),
        (["model", "test.spacy", "--output", "list.jsonl/x"], "able to write"),
    ]:
        found = evaluate(*args)
        assert found.exit_code == 1 and message in found.stderr, (args, found.stderr)
        assert len(found.stderr.strip().splitlines()) == 1
        assert found.stdout == ""
