from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from spacy.language import Language

Write = Callable[[str, str], Path]


@pytest.fixture(scope="session")
def nlp() -> Language:
    return spacy.blank("en")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a small file and gives its path."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write
