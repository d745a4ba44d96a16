import pytest

from spacy_mtl.corpora.alignment import AlignmentError, align, spaces_between


def test_offsets_and_spaces():
    text = " Don't\u00a0 stop.\n"
    offsets = align(["Do", "n't", "stop", "."], text)
    assert [text[start:end] for start, end in offsets] == ["Do", "n't", "stop", "."]
    assert spaces_between(offsets, text) == [False, True, False, True]


def test_tokens_of_whitespace():
    text = "a  b\nc"
    words = ["a", " ", "b", "\n", "c"]
    offsets = align(words, text)
    assert offsets == [(0, 1), (1, 2), (3, 4), (4, 5), (5, 6)]
    assert spaces_between(offsets, text) == [False, True, False, False, False]


def test_no_tokens():
    assert spaces_between(align([], ""), "") == []


@pytest.mark.parametrize(
    "words, message",
    [
        (["a", "c"], "token 'c' at character 2 of the text, got 'b'"),
        (["a", "b", "b"], "token 'b' at character 3 of the text, got ''"),
        (["a"], "at character 1, got ' b' behind it"),
    ],
)
def test_disagreement(words, message):
    with pytest.raises(AlignmentError, match=message):
        align(words, "a b")
