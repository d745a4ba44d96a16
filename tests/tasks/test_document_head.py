"""Settings of the head that classes and values have in common."""

import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.tasks.regression import Regression
from spacy_mtl.tasks.textcat_v2 import TextCat

TASKS = [TextCat, lambda **settings: Regression(["stars"], **settings)]


@pytest.mark.parametrize("make", TASKS)
@pytest.mark.parametrize(
    "settings, message",
    [
        ({"pooling": []}, "`pooling` with some of mean, maximum, .* got none"),
        ({"pooling": ["mean", "sum"]}, "got sum"),
        ({"ngram_attr": "TAG"}, "`ngram_attr` to be in .* got 'TAG'"),
        ({"ngram_size": -1}, "`ngram_size` of at least 0, got -1"),
        ({"ngram_rows": 0}, "`ngram_rows` of at least 1, got 0"),
        ({"hidden_width": -1}, "`hidden_width` of at least 0, got -1"),
        ({"dropout": 1.0}, "`dropout` from 0 to below 1, got 1.0"),
        ({"ngram_dropout": -0.1}, "`ngram_dropout` from 0 to below 1, got -0.1"),
        ({"ngram_share": 1.1}, "`ngram_share` from 0 to 1, got 1.1"),
        ({"pooled_scale": -1.0}, "`pooled_scale` of at least 0, got -1.0"),
        ({"ngram_length": -1.0}, "`ngram_length` of at least 0"),
        ({"encoder_gradient": -1.0}, "`encoder_gradient` of at least 0"),
        ({"char_ngrams": [3]}, r"fewest and the most characters, .* got \[3\]"),
        ({"char_ngrams": [5, 3]}, "fewest and the most characters"),
        ({"char_ngrams": [0, 3]}, "fewest and the most characters"),
        ({"char_ngrams": [3, 5], "ngram_size": 0}, "n-grams of tokens, .* beside those of char"),
    ],
)
def test_wrong_settings(make, settings, message):
    with pytest.raises(MTLError, match=f"Expected.*{message}"):
        make(**settings)


def test_wrong_smoothing():
    with pytest.raises(MTLError, match="`label_smoothing` from 0 to below 1, got 1.0"):
        TextCat(label_smoothing=1.0)


@pytest.mark.parametrize("make", TASKS)
def test_terms_of_the_head(make):
    head = make(ngram_size=2, char_ngrams=[3, 4], ngram_rows=16, ngram_length=2.0).make_head()
    sparse = head.get_ref("sparse")
    assert sparse.attrs["char_sizes"] == [3, 4] and sparse.attrs["gain"] == 2.0
    assert sparse.get_dim("nI") == 16 and len(head.layers) == 2
    assert len(make(ngram_size=0).make_head().layers) == 1
