"""Which sentences are known."""

import pytest
from spacy.tokens import Doc

from spacy_mtl.layers import table
from spacy_mtl.layers.sentences import known_starts

LAYER = "sents"


@pytest.mark.parametrize(
    ("deps", "expected"),
    [
        (["x", "ROOT", "x", "ROOT"], [1, -1, 1, -1]),
        (["x", "ROOT", "", "ROOT"], [0, 0, 0, 0]),
        (["", "", "", ""], [0, 0, 0, 0]),
    ],
)
def test_of_trees(make_doc, deps, expected):
    doc = make_doc("a b c d", heads=[1, 1, 3, 3], deps=deps)
    assert known_starts(doc).tolist() == expected
    assert table()[LAYER].present(doc) == any(expected)
    assert (table()[LAYER].to_json(doc) is None) == (not any(expected))


def test_whitespace_needs_no_head(vocab):
    doc = Doc(vocab, words=["a", " ", "b"], heads=[0, 1, 0], deps=["ROOT", "", "x"])
    assert known_starts(doc).tolist() == [1, -1, -1]


@pytest.mark.parametrize(
    ("starts", "expected"),
    [([True, False, None], [1, -1, 0]), ([True, None, None], [0, 0, 0]), ([True], [0])],
)
def test_without_a_tree(make_doc, starts, expected):
    doc = make_doc(" ".join("abc"[: len(starts)]), sent_starts=starts)
    assert known_starts(doc).tolist() == expected


def test_nothing(vocab):
    assert known_starts(Doc(vocab)).tolist() == []
