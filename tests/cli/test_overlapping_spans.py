"""Spans that overlap, through the commands: they are chosen, learned, scored, written, shown."""

import json
from pathlib import Path

import pytest
import spacy
from pipeline.helpers import run_spacy
from spacy.tokens import Doc, DocBin, Span
from typer.testing import CliRunner

from spacy_mtl.cli import app

from .test_init_config import SMALL, train

WORDS = ["the", "old", "man", "in", "the", "small", "house", "slept"]
NESTED = [(0, 7, "NP"), (0, 3, "NP"), (3, 7, "PP"), (4, 7, "NP"), (6, 7, "HEAD")]


def nested_doc(nlp: spacy.language.Language) -> Doc:
    doc = Doc(nlp.vocab, words=WORDS)
    doc.spans["phrases"] = [Span(doc, *span) for span in NESTED]
    return doc


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline that `init-config` has proposed, and that has learned its few documents."""
    folder = tmp_path_factory.mktemp("overlapping")
    nlp = spacy.blank("en")
    DocBin(docs=[nested_doc(nlp) for _ in range(8)]).to_disk(folder / "train.spacy")
    DocBin(docs=[nested_doc(nlp) for _ in range(2)]).to_disk(folder / "dev.spacy")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = command("init-config", "my.cfg", "--train", "train.spacy", "--dev", "dev.spacy")
        assert "training spans of spans[phrases] overlap an earlier one" in found.replace("\n", " ")
        steps = {"training.max_steps": 60, "training.eval_frequency": 60}
        train("my.cfg", "training", overrides={**SMALL, **steps})
    return folder


@pytest.fixture(autouse=True)
def working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ANSI_COLORS_DISABLED", "1")


def command(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_config_says_what_the_suggester_covers() -> None:
    text = Path("my.cfg").read_text(encoding="utf8")
    assert '@mtl_tasks = "spacy_mtl.SpanCat.v1"' in text
    block = text.partition("[components.multitask.tasks.spans_phrases.suggester]")[2]
    assert block.startswith('\n@misc = "spacy.ngram_range_suggester.v1"\nmin_size = 1\n# 100.0% of')
    assert "\nmax_size = 7\n" in block


def test_what_it_finds() -> None:
    nlp = spacy.load("training/model-best")
    doc = nlp(Doc(nlp.vocab, words=WORDS))
    found = {(span.start, span.end, span.label_) for span in doc.spans["phrases"]}
    assert found == {*NESTED}
    assert len(doc.spans["phrases"].attrs["scores"]) == len(NESTED)


def test_spacy_evaluates_it() -> None:
    model = ("training/model-best", "dev.spacy", "--spans-key", "phrases")
    found = run_spacy("evaluate", *model, "--output", "scores.json")
    assert found.count("SPAN F") == 1 and "100.00" in found
    scores = json.loads(Path("scores.json").read_text())
    assert scores["spans_phrases_f"] == 1.0
    assert set(scores["spans_phrases_per_type"]) == {"NP", "PP", "HEAD"}


def test_evaluated_with_intervals_and_on_a_card() -> None:
    assert "spans_phrases" in command("evaluate", "training/model-best", "dev.spacy")
    command("card", "training/model-best", "--test", "dev.spacy")
    assert "spans_phrases" in Path("training/model-best/README.md").read_text(encoding="utf8")


def test_calibrated() -> None:
    found = command("calibrate", "training/model-best", "dev.spacy", "--output", "calibrated")
    row = next(line for line in found.splitlines() if line.startswith("spans_phrases "))
    n_candidates = sum(len(WORDS) - size for size in range(7)) * 2
    assert row.split()[2] == str(n_candidates)
    assert "spans_phrases: thresholds" in found
    nlp = spacy.load("calibrated")
    nlp.get_pipe("multitask").confidences = True
    doc = nlp(Doc(nlp.vocab, words=WORDS))
    scores = doc.spans["phrases"].attrs["scores"].tolist()
    assert [span._.confidence for span in doc.spans["phrases"]] == scores


def test_inspected() -> None:
    shown = json.loads(command("inspect", "train.spacy", "--json"))
    (layer,) = shown["train"][0]["layers"]
    assert (layer["group"], layer["overlapping"]) == ("phrases", 32)


def test_annotated_and_shown() -> None:
    Path("in.jsonl").write_text(json.dumps({"text": " ".join(WORDS)}) + "\n", encoding="utf8")
    command("annotate", "training/model-best", "in.jsonl", "out.jsonl")
    row = json.loads(Path("out.jsonl").read_text(encoding="utf8"))
    assert {"start": 0, "end": 30, "label": "NP"} in row["spans"]["phrases"]
    assert len(row["spans"]["phrases"]) == len(NESTED)
    command("visualize", "training/model-best", "dev.spacy", "page.html")
    assert "&quot;PP&quot;" in Path("page.html").read_text(encoding="utf8")
