from dataclasses import replace

import pytest

from spacy_mtl.layers.class_settings import MAX_PARAMETERS, MAX_ROWS, MIN_ROWS, head_settings
from spacy_mtl.layers.proposals import Found


def settings(docs=1000, words=10.0, n_classes=2, counts=None):
    labels = tuple(map(str, range(n_classes)))
    counts = counts or dict.fromkeys(labels, docs // n_classes)
    found = Found(labels=labels, exclusive=True, counts=counts, docs=docs, words=words)
    return {name: value for name, (value, _) in head_settings(found).items()}


def test_characters_for_several_classes_of_short_texts():
    assert settings(words=10.0, n_classes=3)["char_ngrams"] == [3, 5]
    for other in (settings(words=10.0, n_classes=2), settings(words=50.0, n_classes=3)):
        assert "char_ngrams" not in other


def test_smoothing_where_a_class_has_few_documents():
    assert settings(docs=499, n_classes=10)["label_smoothing"] == 0.1
    assert "label_smoothing" not in settings(docs=500, n_classes=10)
    assert "label_smoothing" not in settings(docs=499, n_classes=10, words=50.0)
    uneven = {"a": 4000, "b": 20, "c": 20}
    assert settings(docs=4040, n_classes=3, counts=uneven)["label_smoothing"] == 0.1
    several = Found(labels=("A", "B"), exclusive=False, docs=10, words=5.0)
    assert "label_smoothing" not in head_settings(several)


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
    assert rows <= MAX_ROWS and (rows >= MIN_ROWS or n_classes == 5000)
    assert rows * n_classes <= max(MAX_PARAMETERS, MIN_ROWS * n_classes)


def test_classes_are_heard_beside_words():
    alone, beside = (Found(labels=("A", "B"), docs=9, words=80.0, beside_words=b) for b in (0, 1))
    assert "encoder_gradient" not in head_settings(alone)
    assert head_settings(beside)["encoder_gradient"][0] == 20.0
    assert "encoder_gradient" not in head_settings(replace(beside, words=30.0))


def test_each_has_a_reason():
    for _, why in head_settings(Found(labels=("A", "B"), docs=10, words=5.0)).values():
        assert why.endswith(".")


def test_on_a_pretrained_transformer():
    found = Found(words=80.0, docs=500, beside_words=True)
    settings = head_settings(replace(found, pretrained=True))
    assert settings["pooled_scale"][0] == 30.0
    assert "encoder_gradient" not in settings
    assert "pooled_scale" not in head_settings(found)
