"""--code, which every command takes."""

from pathlib import Path
from typing import Any

import catalogue
import pytest
import spacy
import typer
from evaluation.in_process import measure_in_process
from spacy.language import Language
from spacy.tokens import Doc
from typer.testing import CliRunner

from spacy_mtl.cli import app

COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
CODE = """
from pathlib import Path
from spacy.language import Language

@Language.component("shouting")
def shouting(doc):
    return doc

seen = Path("seen")
seen.write_text((seen.read_text() if seen.exists() else "") + "x")
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file, in the working directory, where it notes each time that it is imported."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(CODE)
    return tmp_path


def mtl(*args: str) -> Any:
    return CliRunner().invoke(app, args)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--code", "-c"])
def test_every_command_imports_it_before_all_else(code: Path, command: str, option: str) -> None:
    mtl(command, option, "mine.py")  # whose arguments are looked at later, and lacking
    assert Path("seen").read_text() == "x"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_cannot_be_imported(code: Path, command: str) -> None:
    Path("mine.py").write_text("from spacy import nothing\n")
    result = mtl(command, "--code", "mine.py")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "✘ Expected a Python file that can be imported as --code, got mine.py" in result.stderr
    assert "cannot import name 'nothing'" in result.stderr and "(line 1)" in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("annotate", "shouting", "words.txt", "out.jsonl"),
        ("benchmark", "shouting", "--data", "words.jsonl", "--rounds", "1", "--min-words", "1"),
        ("visualize", "shouting", "words.spacy", "page.html"),
    ],
    ids=lambda command: command[0],
)
def test_once_in_a_whole_run(
    code: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    measure_in_process(monkeypatch)
    Path("words.txt").write_text("Ana saw Rio\n")
    Path("words.jsonl").write_text('{"text": "Ana saw Rio", "label": "x"}\n')
    assert mtl("convert", "words.jsonl", "words.spacy").exit_code == 0
    nlp = spacy.blank("en")
    Language.component("shouting", func=lambda doc: doc)
    nlp.add_pipe("shouting")
    nlp.to_disk("shouting")
    result = mtl(*command, "--code", "mine.py")
    assert result.exit_code == 0, result.output
    assert Path("seen").read_text() == "x"


OWN = """
from spacy.language import Language
from spacy_mtl.layers import DocExtension
from spacy_mtl.registry import registry
from metrics.regressor import Level

@registry.mtl_tasks("test_code.Level.v1")
def level():
    return Level("mine")

BLOCK = {"@mtl_tasks": "test_code.Level.v1"}
registry.mtl_layers("mine", func=DocExtension("mine", task=BLOCK, score="mine_score"))
"""


@pytest.mark.parametrize(
    "command",
    [
        ("evaluate", "unknown", "words.spacy"),
        ("annotate", "unknown", "words.txt", "out.jsonl"),
        ("visualize", "unknown", "words.spacy", "page.html"),
    ],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize("factory", ["strange", "multitask"])
def test_a_pipeline_that_needs_it(code: Path, command: tuple[str, ...], factory: str) -> None:
    Path("words.txt").write_text("Ana saw Rio\n")
    Path("words.jsonl").write_text('{"text": "Ana saw Rio", "label": "x"}\n')
    assert mtl("convert", "words.jsonl", "words.spacy").exit_code == 0
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk("unknown")
    config = nlp.config
    task = {"@mtl_tasks": "nobody.Knows.v1"}
    config["components"]["sentencizer"] = {"factory": factory, "tasks": {"a": task}}
    config.to_disk("unknown/config.cfg")
    result = mtl(*command)
    assert result.exit_code == 1
    assert result.stderr.rstrip().endswith("If it is code of yours, give it with --code FILE.")


def test_inspect_and_init_config_of_a_layer_in_it(code: Path) -> None:
    Path("mine.py").write_text(OWN)
    Path("a.jsonl").write_text('{"text": "Ana saw Rio", "mine": 0.5}\n')
    Path("b.jsonl").write_text('{"text": "Rio saw Ana", "mine": 1.5}\n')
    for name in "ab":
        mtl("convert", f"{name}.jsonl", f"{name}.spacy", "--code", "mine.py")
    data = ("--train", "a.spacy", "--dev", "b.spacy")
    result = mtl("init-config", "a.cfg", *data, "--code", "mine.py")
    assert result.exit_code == 0, result.output
    assert "spacy train a.cfg --output training --code mine.py" in result.stdout
    catalogue.REGISTRY.pop(("spacy", "mtl_layers", "mine"))
    Doc.remove_extension("mine")
    said = " ".join(mtl("inspect", "a.spacy").stdout.split())
    assert "Its docs have doc._.mine, which no layer here has: if it is a layer of your own" in said
    assert "--code FILE" in said
