"""The values are those of sacrebleu 2.6 on the same tokens."""

import math

import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.metrics.bleu import Bleu, count_ngrams


def bleu(*pairs: tuple[str, str]) -> float:
    """Of texts with one reference each, in per cent as sacrebleu has it."""
    guesses = [guess.split() for guess, _ in pairs]
    references = [[reference.split()] for _, reference in pairs]
    return 100 * Bleu.of_texts(range(len(pairs)), guesses, references, len(pairs)).score()


def test_one_text() -> None:
    # 5 of 6 words, 3 of 5 pairs, 1 of 4 triples, and for 0 of 3 quadruples one half of one.
    expected = (5 / 6 * 3 / 5 * 1 / 4 * 0.5 / 3) ** 0.25
    found = bleu(("the cat sat on the mat", "the cat is on the mat"))
    assert found == pytest.approx(100 * expected) == pytest.approx(37.99, abs=0.005)


def test_of_two_orders_without_a_match_the_second_counts_half() -> None:
    expected = 100 * (3 / 4 * 1 / 3 * 0.5 / 2 * 0.25 / 1) ** 0.25
    assert bleu(("a b x c", "a b c d")) == pytest.approx(expected) == pytest.approx(35.36, abs=0.01)


def test_short_texts_are_penalized_and_long_ones_not() -> None:
    assert bleu(("a b c d", "a b c d e")) == pytest.approx(100 * math.exp(1 - 5 / 4))
    expected = 100 * (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25
    assert bleu(("a b c d e f", "a b c d e")) == pytest.approx(expected)


def test_it_is_of_the_corpus_and_not_a_mean() -> None:
    # 9 of 10 words, 7 of 8 pairs, 5 of 6 triples, 3 of 4 quadruples; 10 tokens against 11.
    pairs = ("a b c d e f", "a b c d e f"), ("a b c x", "a b c d e")
    precisions = 9 / 10 * 7 / 8 * 5 / 6 * 3 / 4
    expected = 100 * math.exp(1 - 11 / 10) * precisions**0.25
    assert bleu(*pairs) == pytest.approx(expected)
    assert bleu(*pairs) != pytest.approx(sum(map(bleu, pairs)) / 2)


def test_nothing_is_right() -> None:
    assert bleu(("x y z v", "a b c d")) == bleu(("", "a b c d")) == 0
    assert bleu(("a b c", "a b c")) == 0  # there is no n-gram of four


def test_several_references() -> None:
    guess, references = ["the", "the", "a", "b"], [["the", "a"], ["the", "the", "c", "d", "e"]]
    # "the" counts twice, as in the second; of lengths 2 and 5, 5 is closer to 4.
    assert count_ngrams(guess, references) == [3, 2, 0, 0, 4, 3, 2, 1, 4, 5]
    assert count_ngrams(["a"], [["a", "b"], []])[-1] == 0  # as close, and shorter
    with pytest.raises(MTLError, match="got none"):
        count_ngrams(guess, [])
