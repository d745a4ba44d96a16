from pathlib import Path
from shutil import copytree

import pytest
from typer.testing import CliRunner

from spacy_mtl.cli import app
from spacy_mtl.report.content import Page
from spacy_mtl.report.page import render

from .made import Made


def test_writes_beside_the_results(made: Made, page: Page, tmp_path: Path) -> None:
    folder = Path(copytree(made.folder, tmp_path / "comparison"))
    moved = (folder / "test.spacy").rename(tmp_path / "moved.spacy")
    before = sorted(folder.iterdir())
    result = CliRunner().invoke(app, ["report", str(folder), "--test", str(moved)])
    assert result.exit_code == 0, result.output
    path = folder / "report.html"
    assert result.output.startswith(f"{path}: ")
    assert path.read_text("utf-8") == render(page), "not the same bytes every time"
    assert sorted(folder.iterdir()) == sorted([*before, path])


def test_nothing_is_lost_when_something_is_wrong(made: Made, tmp_path: Path) -> None:
    folder = Path(copytree(made.folder, tmp_path / "comparison"))
    (folder / "runs" / "0-0" / "run.json").write_bytes(b"damaged")
    output = tmp_path / "page.html"
    output.write_text("before")
    result = CliRunner().invoke(app, ["report", str(folder), "--output", str(output)])
    assert result.exit_code == 1
    assert "run.json" in result.output and output.read_text() == "before"


@pytest.mark.parametrize("content", [None, "{}"])
def test_folder_without_results(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    result = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert result.exit_code == 1
    assert "spacy mtl compare" in result.output
