import pytest
import spacy

from spacy_mtl.errors import MTLError
from spacy_mtl.languages import blank


def test_a_language_or_an_alias():
    assert blank("de").lang == "de"
    assert type(blank("eng")) is type(blank("en"))


@pytest.mark.parametrize("code", ["qq", "", "../x", "en ", "English"])
def test_no_such_language(code):
    with pytest.raises(MTLError) as error:
        blank(code)
    assert str(error.value) == f"Expected the code of a language, such as 'en', got {code!r}."


def test_a_package_that_a_language_needs(monkeypatch):
    def needs(*args: object) -> None:
        raise ImportError("Klingon needs tlhIngan.\n  Install it with `pip install tlh`")

    monkeypatch.setattr(spacy, "blank", needs)
    with pytest.raises(
        MTLError, match="one that is not installed: Klingon needs tlhIngan. Install"
    ):
        blank("tlh")
