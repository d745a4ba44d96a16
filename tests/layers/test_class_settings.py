import pytest

from spacy_mtl.layers.class_settings import MAX_PARAMETERS, MAX_ROWS, MIN_ROWS, head_settings
from spacy_mtl.layers.proposals import Found


def settings(docs=1000, words=10.0, n_classes=2):
    found = Found(labels=tuple(map(str, range(n_classes))), docs=docs, words=words)
    return {name: value for name, (value, _) in head_settings(found).items()}


def test_short_texts_have_pairs_of_words_and_characters():
    short, long = settings(words=39.9), settings(words=40.0)
    assert (short["ngram_size"], short["char_ngrams"]) == (2, [3, 5])
    assert long["ngram_size"] == 1
    assert "char_ngrams" not in long


@pytest.mark.parametrize("words", [0.0, 1.0, 10.0, 300.0])
def test_length_grows_with_the_documents(words):
    assert (
        1.0
        <= settings(words=words)["ngram_length"]
        < settings(words=4 * words + 200)["ngram_length"]
    )


@pytest.mark.parametrize("n_classes", [1, 2, 150, 5000])
@pytest.mark.parametrize("docs", [0, 10, 1000, 10**7])
def test_rows_are_bounded(docs, n_classes):
    rows = settings(docs=docs, n_classes=n_classes)["ngram_rows"]
    assert rows & (rows - 1) == 0
    assert MIN_ROWS <= rows <= MAX_ROWS
    assert rows * n_classes <= max(MAX_PARAMETERS, MIN_ROWS * n_classes)


def test_each_has_a_reason():
    for _, why in head_settings(Found(labels=("A", "B"), docs=10, words=5.0)).values():
        assert why.endswith(".")
