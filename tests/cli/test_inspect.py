import json
import re
from pathlib import Path
from shutil import copyfile

import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab
from typer.testing import CliRunner

from spacy_mtl.cli import app
from spacy_mtl.corpora import convert_file
from spacy_mtl.layers.dependencies import DependencyLayer

from .conftest import save

ALL = ("moods.spacy", "names.spacy", "--dev", "dev.spacy")


def inspect(*args: str):
    return CliRunner().invoke(app, ["inspect", *args])


@pytest.fixture
def lines(corpora):
    """What is printed, with bars between the cells of a table."""

    def lines(*args: str) -> list[str]:
        result = inspect(*args)
        assert result.exit_code == 0, result.output
        return [re.sub(" {2,}", " | ", line.strip()) for line in result.stdout.splitlines()]

    return lines


def test_files(lines):
    printed = lines(*ALL)
    assert "moods.spacy | training | 24 | 120 | unknown | 0" in printed
    assert "dev.spacy | held out | 8 | 48 | unknown | 0" in printed


def test_layers_and_what_is_missing(lines):
    printed = lines(*ALL)
    assert "tag | tokens | 120 (100.0%) | missing | 48 (100.0%)" in printed
    assert "spans[sc] | docs | missing | 24 (100.0%) | 8 (100.0%)" in printed
    assert "cats[mood] | docs | 24 (100.0%) | missing | 8 (100.0%)" in printed


def test_labels(lines):
    printed = lines(*ALL)
    assert "2 labels, exclusive, the most frequent 1.0 times as frequent as the rarest" in printed
    assert "1 labels, multi-label" in printed
    assert "mood=glad | 12 | 4" in printed
    assert "PER | 24 | 8" in printed


def test_how_many_labels(lines):
    printed = lines("moods.spacy", "--labels", "1")
    assert "NNP | 48" in printed
    assert "RB | 24" not in printed
    assert "and 3 more" in printed
    assert "RB | 24" in lines("moods.spacy", "--labels", "0")


def test_no_identical_texts(lines):
    assert "No text is in two files." in lines(*ALL)
    assert "Identical texts" not in " ".join(lines("moods.spacy"))


def test_identical_texts(lines):
    copyfile("moods.spacy", "copy.spacy")
    printed = lines("names.spacy", "moods.spacy", "--dev", "copy.spacy")
    assert "moods.spacy | copy.spacy | 24" in printed
    assert "24 of the 24 texts of copy.spacy (100.0%) are in moods.spacy" in " ".join(printed)


def test_several_held_out_files(lines):
    copyfile("dev.spacy", "test.spacy")
    printed = lines(*ALL, "--dev", "test.spacy")
    assert "PER | 24 | 8 | 8" in printed
    assert "dev.spacy | test.spacy | 8" in printed


def test_nothing_that_would_hurt(lines):
    assert lines(*ALL)[-1] == "✔ Nothing found that would hurt."


def test_warnings_come_last(lines):
    printed = " ".join(lines("moods.spacy", "--dev", "dev.spacy"))
    assert printed.endswith("Nothing can learn it without a file that does.")


def test_json(corpora):
    found = json.loads(inspect(*ALL, "--json").stdout)
    assert found["train"][0]["docs"] == 24
    assert found["train"][0]["sentences"] is None
    assert {
        "layer": "cats",
        "group": "mood",
        "unit": "docs",
        "labelled": 24,
        "share": 1.0,
        "labels": {"mood=glad": 12, "mood=sad": 12},
        "imbalance": 1.0,
        "exclusive": True,
    } in found["train"][0]["layers"]
    assert {
        "layer": "spans",
        "group": "sc",
        "unit": "docs",
        "labelled": 24,
        "share": 1.0,
        "labels": {"EVENT": 24},
        "imbalance": None,
        "overlapping": 0,
    } in found["train"][1]["layers"]
    assert found["identical_texts"][0] == {"files": ["moods.spacy", "names.spacy"], "texts": 0}
    assert found["warnings"] == []


def test_unseen_labels_in_json(corpora):
    save("odd.spacy", [Doc(Vocab(), words=["Oh"], tags=["UH"])])
    found = json.loads(inspect("moods.spacy", "--dev", "odd.spacy", "--json").stdout)
    assert found["held_out"][0]["unseen_labels"] == [
        {"layer": "tag", "group": None, "labels": {"UH": 1}}
    ]
    assert [warning["kind"] for warning in found["warnings"]] == ["unseen-labels", "unscored"]


def test_one_line_about_a_file_that_cannot_be_read(corpora):
    (corpora / "bad.spacy").write_text("no")
    result = inspect("bad.spacy", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("✘ Expected Docs in spaCy's binary format (DocBin) in bad")
    assert len(result.stderr.splitlines()) == 1


def test_help_has_examples():
    result = inspect("--help")
    assert "spacy mtl inspect train.spacy --dev dev.spacy --json > coverage.json" in result.output


@pytest.fixture
def parsed(corpora, treebank):
    save("trees.spacy", treebank.train)
    save("heldout.spacy", treebank.dev)


def test_sentences_and_trees(parsed, lines):
    printed = lines("trees.spacy", "moods.spacy", "--dev", "heldout.spacy")
    for layer in ("= dep =", "= sents ="):
        section = printed[next(i for i, line in enumerate(printed) if layer in line) :]
        table = section[section.index("Sentences | trees.spacy | moods.spacy | heldout.spacy") :]
        assert table[2:4] == ["number | 80 | 20", "to a doc | 4.44 | 5.00"]
    assert "with a complete tree | 80 (100.00%) | 20 (100.00%)" in printed
    assert "trees that are not projective | 3 (3.75%) | 2 (10.00%)" in printed
    assert "arcs that are not projective | 3 (0.55%) | 2 (1.46%)" in printed
    assert "without exactly one root | 0 (0.00%) | 0 (0.00%)" in printed
    assert sum(line.startswith("with a complete tree") for line in printed) == 1


def test_no_sentences(lines):
    assert "Sentences | moods.spacy" not in lines("moods.spacy")


def test_sentences_and_trees_in_json(parsed):
    found = json.loads(inspect("trees.spacy", "--json").stdout)
    layers = {layer["layer"]: layer for layer in found["train"][0]["layers"]}
    assert layers["dep"]["trees"] == {
        "complete": 80,
        "nonprojective": 3,
        "arcs": 547,
        "nonprojective_arcs": 3,
        "not_one_root": 0,
    }
    for name in ("dep", "sents"):
        assert layers[name]["sentences"] == 80
        assert layers[name]["sentences_per_doc"] == 80 / 18
    assert "trees" not in layers["sents"] and "sentences" not in layers["tag"]


def test_sentences_that_stand_alone(corpora, lines, monkeypatch):
    """As `convert` makes them without --group."""
    monkeypatch.setattr(DependencyLayer, "has_task", True)
    treebank = Path(__file__).parents[1] / "data" / "treebank.conllu"
    for name, group in (("one", 1), ("ten", 10)):
        convert_file(treebank, f"{name}.spacy", Vocab(), group=group)
    printed = " ".join(lines("one.spacy", "--dev", "ten.spacy"))
    assert "Training docs have hardly more than one sentence: 1.00 by " in printed
    assert "--group 10" in printed
    assert "hardly more than one" not in " ".join(lines("ten.spacy"))
