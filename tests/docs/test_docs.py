"""Every example in the documentation is run, or at least checked.

Per page, in order, in a folder as it is after the demonstration: Python is executed, in one
namespace; spaCy's commands are run, shortened; configs are put into a complete one and made. A
block with a file name behind its language becomes that file. A text block without one shows
what the block before it printed. A block behind `<!-- not run: reason -->` is only checked.
"""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from .blocks import Block, blocks
from .commands import ROOT, Outcome, check, commands, run
from .configs import check_config

README = ROOT / "README.md"
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "assets/demo/README.md"]
PAGES += [README] if README.exists() else []
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")


class Page:
    """A page that is being gone through: its names in Python, and what was printed last."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.last = Outcome(0, "")

    def take(self, block: Block) -> None:
        """Run or check a block."""
        if block.file:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "text":
            self._expect(block.text)
        elif block.language in ("bash", "console"):
            self._shell(block)
        elif block.language == "python":
            self._python(block)
        elif block.language in ("ini", "cfg"):
            check_config(block.text, self.text)
        else:
            assert not block.language or block.not_run, f"unknown language {block.language!r}"

    def finish(self) -> None:
        """A command that failed must be followed by its message."""
        assert self.last.code == 0, self.last.output

    def _python(self, block: Block) -> None:
        code = compile(block.text, block.place, "exec")
        if block.not_run:
            return
        self.finish()
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(code, self.namespace)
        self.last = Outcome(0, printed.getvalue())

    def _shell(self, block: Block) -> None:
        for words in commands(block.text):
            args = check(words)
            if args and not block.not_run:
                self.finish()
                self.last = run(args)

    def _expect(self, text: str) -> None:
        printed = {_collapsed(line) for line in self.last.output.splitlines()}
        for line in text.splitlines():
            assert line == "..." or _collapsed(line) in printed, f"{line!r} is not in {printed}"
        self.last = Outcome(0, self.last.output)


def _collapsed(line: str) -> str:
    return " ".join(line.split())


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
@pytest.mark.filterwarnings("ignore:.W006:UserWarning")
def test_examples(page: Path, clone: Path) -> None:
    reader = Page(page.read_text(encoding="utf-8"))
    for block in blocks(page):
        try:
            reader.take(block)
        except Exception as error:
            raise AssertionError(f"{block.place}: {error}") from error
    reader.finish()


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links(page: Path) -> None:
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{target} in {page.name}"


def test_what_is_not_run() -> None:
    """Few examples are not run, each with a reason; `pytest -rP` shows them."""
    skipped = [block for page in PAGES for block in blocks(page) if block.not_run]
    for block in skipped:
        print(f"{block.place}: {block.not_run}")
    assert len(skipped) <= 10


@pytest.mark.parametrize(
    "command",
    [
        "python -m spacy mtl convert a b --no-such-option",
        "python -m spacy mtl no-such-command",
        "python -m spacy project run no-such-workflow .",
        "python -m spacy project run all . --vars.no_such_variable x",
        "python -m spacy project run all . --vars.corpus='--group 10'",
        "pip install -e '.[no-such-extra,package]'",
        "make no-such-target",
        "no-such-program",
    ],
)
def test_wrong_command_is_found(command: str) -> None:
    with pytest.raises((AssertionError, KeyError)):
        for words in commands(command):
            check(words)


def test_wrong_output_is_found() -> None:
    page = Page()
    page.last = Outcome(1, "✘ Expected  a file")
    with pytest.raises(AssertionError, match="another"):
        page.take(Block("x.md:1", "text", "", "another line\n", ""))
    page.take(Block("x.md:1", "text", "", "✘ Expected a file\n", ""))
    page.finish()


def test_failure_is_found() -> None:
    page = Page()
    page.take(Block("x.md:1", "bash", "", "spacy mtl convert missing.csv out.spacy", ""))
    with pytest.raises(AssertionError, match="missing.csv"):
        page.finish()


def test_wrong_config_is_found() -> None:
    with pytest.raises(ValueError, match="spacy_mtl.NoSuchTask.v1"):
        check_config('[components.multitask.tasks.x]\n@mtl_tasks = "spacy_mtl.NoSuchTask.v1"\n')


def test_missing_section_is_found() -> None:
    block = '[training.batcher]\n@batchers = "spacy_mtl.MixtureBatches.v1"\nsize = 1000\n'
    check_config(block)
    with pytest.raises(ValueError, match="'references' is not defined"):
        check_config(f"{block}[training.batcher.references.ner]\nx = 1\n")


def test_section_beside_a_line_of_its_name_is_found() -> None:
    block = '[components.multitask.selection]\nrule = "worst"\n'
    check_config(block, "It replaces the line `selection = null`.")
    with pytest.raises(ValueError, match="selection\tfound conflicting values"):
        check_config(block)
