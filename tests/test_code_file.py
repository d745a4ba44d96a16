import sys
from pathlib import Path

import pytest

from spacy_mtl.code_file import MODULE, import_code
from spacy_mtl.errors import MTLError

COUNTING = """
from pathlib import Path

seen = Path(__file__).with_suffix(".seen")
seen.write_text((seen.read_text() if seen.exists() else "") + "x")
"""
# Which looks into sys.modules for its own module.
DATACLASS = """
from __future__ import annotations
from dataclasses import dataclass

@dataclass
class Setting:
    value: int
"""


def test_once_in_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(COUNTING)
    import_code(tmp_path / "mine.py")
    monkeypatch.chdir(tmp_path)
    import_code("mine.py")
    assert (tmp_path / "mine.seen").read_text() == "x"
    assert sys.modules[MODULE].__file__ == str(tmp_path / "mine.py")


def test_dataclasses_find_their_module(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(DATACLASS)
    import_code(tmp_path / "mine.py")
    assert sys.modules[MODULE].Setting(3).value == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "name, text, reason",
    [
        ("mine.py", "x = 1\n\nx.no\n", "AttributeError: 'int' object .* 'no' .line 3."),
        ("mine.py", "def f(:\n", "SyntaxError: .*line 1"),
        ("mine.py", "import nowhere_at_all\n", "No module named 'nowhere_at_all' .line 1."),
        ("mine.txt", "", "does not end in .py"),
    ],
)
def test_what_cannot_be_imported(tmp_path: Path, name: str, text: str, reason: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(MTLError, match=f"--code, got .*{name}: .*{reason}"):
        import_code(tmp_path / name)
    (tmp_path / name).with_suffix(".py").write_text("x = 1\n")  # repaired
    import_code((tmp_path / name).with_suffix(".py"))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(MTLError, match="No such file"):
        import_code(tmp_path / "mine.py")
