"""Documents of no class, in a pipeline that is saved, loaded, and trained anew."""

from math import inf

import pytest

from .helpers import TEXTS, make_examples, make_nlp, multitask, trained

BLOCK = {"@mtl_tasks": "spacy_mtl.TextCat.v2", "ngram_rows": 64}


@pytest.fixture
def nlp():
    nlp = trained(make_nlp({"sentiment": BLOCK}), 12, layers=["sentiment"])
    multitask(nlp).tasks["sentiment"].refuse_above = 0.0
    return nlp


def test_it_is_saved(nlp):
    assert [sum(doc.cats.values()) for doc in nlp.pipe(TEXTS)] == [0.0] * len(TEXTS)
    other = make_nlp({"sentiment": BLOCK}).from_bytes(nlp.to_bytes())
    assert multitask(other).tasks["sentiment"].refuse_above == 0.0
    assert [doc.cats for doc in other.pipe(TEXTS)] == [doc.cats for doc in nlp.pipe(TEXTS)]
    scores = other.evaluate(make_examples(other, ["sentiment"]))
    assert scores["sentiment_acc"] == scores["sentiment_score"] == scores["cats_macro_f"] == 0.0


def test_a_training_begins_without_it(nlp):
    nlp.initialize(lambda: make_examples(nlp, ["sentiment"]))
    assert multitask(nlp).tasks["sentiment"].refuse_above == inf
    assert "states" not in multitask(nlp).to_bytes().decode("latin1")
