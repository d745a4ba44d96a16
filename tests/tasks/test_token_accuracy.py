"""The accuracy of tags, counted on arrays, is that of spaCy's scorer."""

import random

import pytest
import spacy
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example

from spacy_mtl.tasks.token_accuracy import token_accuracy

WORDS = ["a", "b", " ", "\n", "c"]
TAGS = {"tag": ["", "X", "Y", "Z"], "pos": ["", "NOUN", "VERB", "ADJ"]}


def example(vocab, rng, attr, n, n_predicted=None):
    words = [rng.choice(WORDS) for _ in range(n)]
    sides = []
    for length in (n_predicted or n, n):
        chosen = [rng.choice(TAGS[attr]) for _ in range(length)]
        sides.append(
            Doc(
                vocab, words=(words * 2)[:length], **{f"{attr}s" if attr == "tag" else attr: chosen}
            )
        )
    return Example(*sides)


@pytest.mark.parametrize("attr", ["tag", "pos"])
@pytest.mark.parametrize("seed", range(5))
def test_it_is_that_of_spacys_scorer(attr, seed):
    rng = random.Random(seed)
    vocab = spacy.blank("en").vocab
    examples = [example(vocab, rng, attr, rng.randrange(0, 12)) for _ in range(8)]
    expected = Scorer.score_token_attr(examples, attr)
    assert expected[f"{attr}_acc"] not in (None, 0.0, 1.0)
    assert token_accuracy(examples, attr) == pytest.approx(expected)


def test_without_gold_there_is_none():
    vocab = spacy.blank("en").vocab
    words = ["a", "b"]
    examples = [Example(Doc(vocab, words=words, tags=["X", "Y"]), Doc(vocab, words=words))]
    assert token_accuracy(examples, "tag") == {"tag_acc": None}
    assert token_accuracy([], "tag") == {"tag_acc": None}


def test_other_tokens_are_counted_by_spacy():
    vocab = spacy.blank("en").vocab
    gold = Doc(vocab, words=["ab", "c"], spaces=[True, False], tags=["X", "Y"])
    predicted = Doc(vocab, words=["a", "b", "c"], spaces=[False, True, False], tags=["X", "X", "Y"])
    examples = [Example(predicted, gold)]
    assert token_accuracy(examples, "tag") == Scorer.score_token_attr(examples, "tag")
