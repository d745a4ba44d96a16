"""Sentences of a batch as rows, those of the same length together."""

import numpy as np
import pytest

from spacy_mtl.models.parsing import sentences as module
from spacy_mtl.models.parsing.sentences import Sentences


def flags(text):
    return np.asarray([letter == "1" for letter in text], dtype=bool)


def test_whitespace_is_no_word():
    found = Sentences.of(flags("1001000"), flags("0100001"))
    assert found.rows.tolist() == [0, 2, 3, 4, 5]
    assert found.starts.tolist() == [0, 2]
    assert found.lengths.tolist() == [2, 3]
    assert found.number().tolist() == [0, 0, 1, 1, 1]


def test_sentence_of_whitespace_alone_is_none():
    assert Sentences.of(flags("101"), flags("010")).lengths.tolist() == [1, 1]
    assert Sentences.of(flags("11"), flags("11")).lengths.tolist() == []
    assert list(Sentences.of(flags(""), flags("")).by_length()) == []


def test_by_length():
    found = Sentences.of(flags("1011010010"), flags("0000000000"))
    places = [each.tolist() for each in found.by_length()]
    assert places == [[[2]], [[0, 1], [3, 4], [8, 9]], [[5, 6, 7]]]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_CELLS", 8)
    found = Sentences.of(flags("10101010"), flags("00000000"))
    assert [each.tolist() for each in found.by_length()] == [
        [[0, 1], [2, 3]],
        [[4, 5], [6, 7]],
    ]


def test_long_sentences_are_cut(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LONGEST", 3)
    found = Sentences.of(flags("10000001"), flags("00000000"))
    assert found.lengths.tolist() == [3, 3, 1, 1]


def test_heads_within():
    found = Sentences.of(flags("10010"), flags("01000"))
    # of whitespace, to whitespace, to another sentence, unknown
    heads = np.asarray([2, 0, 1, 0, -1])
    assert found.within(heads).tolist() == [1, -1, -1, -1]
    assert found.within(np.asarray([0, 0, 0, 3, 3])).tolist() == [0, 0, 2, 2]
