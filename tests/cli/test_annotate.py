import json
from pathlib import Path

import pytest
import spacy
from click.testing import Result
from typer.testing import CliRunner

from spacy_mtl.cli import app


@pytest.fixture
def model(tmp_path: Path) -> str:
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "CITY", "pattern": "Bonn"}])
    nlp.to_disk(tmp_path / "model")
    return str(tmp_path / "model")


def annotate(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["annotate", *map(str, arguments)], input=stdin)


def test_annotates(model: str, tmp_path: Path) -> None:
    source, output = tmp_path / "a.csv", tmp_path / "new" / "a.jsonl"
    source.write_text("id,review\n7,I like Bonn.\n8,Me too.\n", encoding="utf-8")
    result = annotate(model, source, output, "--text-field", "review", "--no-tokens")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{output}: 2 documents, 7 words\n"
    first, second = map(json.loads, output.read_text(encoding="utf-8").splitlines())
    assert first == {
        "id": "7",
        "text": "I like Bonn.",
        "entities": [{"start": 7, "end": 11, "label": "CITY"}],
    }
    assert (second["id"], second["text"]) == ("8", "Me too.")


def test_exit_code_tells_of_failures(model: str, tmp_path: Path) -> None:
    source, output = tmp_path / "a.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"text": "Bonn"}\n{"text": 3}\n' * 10, encoding="utf-8")
    result = annotate(model, source, output)
    assert result.exit_code == 3
    assert f"10 documents failed: {output}.errors.jsonl" in result.stdout
    assert "failed: line 2: Expected a string in 'text', got int." in result.stderr
    assert result.stderr.count("failed: line") == 5


def test_stdin(model: str, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    result = annotate(model, "-", output, "--input-format", "text", stdin="Bonn\n\nRome\n")
    assert result.exit_code == 0, result.output
    rows = map(json.loads, output.read_text(encoding="utf-8").splitlines())
    assert [row["text"] for row in rows] == ["Bonn", "", "Rome"]


def test_nothing_to_resume(model: str, tmp_path: Path) -> None:
    source, output = tmp_path / "a.txt", tmp_path / "out.jsonl"
    source.write_text("Bonn", encoding="utf-8")
    assert "beginning anew" in annotate(model, source, output, "--resume").stderr
    before = output.stat()
    result = annotate(model, source, output, "--resume")
    assert result.exit_code == 0 and "nothing to do" in result.stdout
    assert output.stat() == before


def test_errors_are_one_line(model: str, tmp_path: Path) -> None:
    source, output = tmp_path / "a.txt", tmp_path / "out.jsonl"
    source.write_text("Bonn", encoding="utf-8")
    assert annotate(model, source, output).exit_code == 0
    result = annotate(model, source, output)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1 and "--overwrite" in result.stderr


@pytest.mark.parametrize("options", [("--actors", "2"), ("--gpus-per-actor", "0.5")])
def test_actors_without_a_cluster(model: str, tmp_path: Path, options: tuple[str, str]) -> None:
    source = tmp_path / "a.txt"
    source.write_text("I like Bonn.\n", encoding="utf-8")
    result = annotate(model, source, tmp_path / "out.jsonl", *options)
    assert result.exit_code == 1
    assert "Expected --actors and --gpus-per-actor with --ray, got them alone." in result.output
