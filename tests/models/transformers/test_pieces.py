"""Which pieces of a transformer's vocabulary each token has."""

import sys
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("tokenizers", reason="tokenizers is not installed")
from spacy_mtl.models.transformers.pieces import split_docs

VOCAB = spacy.blank("xx").vocab


class Spelled:
    """A tokenizer of which the pieces are given, by their places in the text."""

    def __init__(self, *offsets: tuple[int, int]) -> None:
        self.offsets = list(offsets)
        self.ids = list(range(len(offsets)))

    def encode(self, text: str, add_special_tokens: bool) -> Any:
        assert not add_special_tokens
        return self


def pieces_of(words: list[str], spaces: list[bool], *offsets: tuple[int, int]) -> list[list[int]]:
    (found,) = split_docs(Spelled(*offsets), [Doc(VOCAB, words=words, spaces=spaces)])
    return [list(range(a, b)) for a, b in zip(found.first, found.end, strict=True)]


def test_a_word_of_several_pieces() -> None:
    assert pieces_of(["abcd", "e"], [True, False], (0, 2), (2, 4), (5, 6)) == [[0, 1], [2]]


def test_a_piece_of_several_tokens() -> None:
    assert pieces_of(["do", "n't"], [False, False], (0, 3), (3, 5)) == [[0], [0, 1]]


def test_pieces_with_the_space_before_them() -> None:
    given = ["a", " ", "b"], [True, False, False]
    assert pieces_of(*given, (0, 1), (1, 4)) == [[0], [], [1]]
    assert pieces_of(*given, (0, 1), (1, 3), (3, 4)) == [[0], [], [2]]


def test_every_space_there_is() -> None:
    """Before a word, and as a token with a piece of its own."""
    spaces = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()]
    assert {"\u202f", "\u205f", "\u3000"} <= set(spaces)
    for space in spaces:
        given = ["a", space, "b"], [False] * 3
        assert VOCAB[space].is_space
        assert pieces_of(*given, (0, 1), (1, 3)) == [[0], [], [1]], hex(ord(space))
        assert pieces_of(*given, (0, 1), (1, 2), (2, 3)) == [[0], [], [2]], hex(ord(space))


def test_words_without_a_piece() -> None:
    assert pieces_of(["\u200d", "a", "\u200d"], [False] * 3, (1, 2)) == [[], [0], []]
    assert pieces_of([" \n"], [False]) == [[]]
    assert pieces_of([], []) == []


def test_several_pieces_of_one_character() -> None:
    assert pieces_of(["🚂", "a"], [False] * 2, (0, 1), (0, 1), (0, 1), (1, 2)) == [[0, 1, 2], [3]]
