import pytest

from spacy_mtl.morphology import is_features


@pytest.mark.parametrize("text", ["Case=Nom", "Case=Nom|Number=Sing", "PronType=Dem,Int", "a[b]=c"])
def test_features(text: str) -> None:
    assert is_features(text)


@pytest.mark.parametrize(
    "text", ["", "_", "Nom", "Case=", "=Nom", "A=b|", "A=b||C=d", "A=bC=d", "A= b"]
)
def test_what_spacy_mistakes_or_fails_on(text: str) -> None:
    assert not is_features(text)
