"""Where sentences begin, without a parser."""

import numpy as np
import pytest
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import NumpyOps

from spacy_mtl.layers.sentences import set_starts
from spacy_mtl.tasks.sentence_scores import sentence_counts, sentence_scores
from spacy_mtl.tasks.sentence_starts import SentenceStarts

OPS = NumpyOps()


def scores_of(*values):
    return np.asarray(values, dtype="f")[:, None]


def starts(doc):
    return [token.is_sent_start for token in doc]


def write(task, docs, scores, pack):
    task.annotate(docs, task.decode(scores, pack(docs), OPS))


def test_targets(make_doc, vocab):
    spaced = Doc(vocab, words=["a", " ", "b"], sent_starts=[True, True, False])
    examples = [
        Example(make_doc("a b"), make_doc("a b")),
        Example(make_doc("a b c"), make_doc("a b c", sent_starts=[True, False, True])),
        Example(make_doc(""), make_doc("")),
        Example(make_doc("a b c"), make_doc("a b c", sent_starts=[True, None, True])),
        Example(Doc(vocab, words=["a", " ", "b"]), spaced),
    ]
    targets = SentenceStarts().targets(examples, OPS)
    assert targets.mask.tolist() == [*2 * [False], *[False, True, True], *[False, False, True]] + [
        *[False, False, True]
    ]
    assert targets.gold[targets.mask].tolist() == [False, True, True, True]
    assert targets.n_units == 4


def test_trees_are_sentences_where_all_words_have_heads(make_doc):
    whole = make_doc("a b c d", heads=[1, 1, 3, 3], deps=["x", "ROOT", "x", "ROOT"])
    partly = make_doc("a b c d", heads=[1, 1, 3, 3], deps=["x", "ROOT", "x", ""])
    task = SentenceStarts()
    for doc, n_units in ((whole, 3), (partly, 0)):
        example = Example(make_doc("a b c d"), doc)
        assert task.targets([example], OPS).n_units == n_units
        assert task.is_labelled(example) == bool(n_units)


def test_loss_and_gradient(make_doc, pack, numeric_gradient):
    doc = make_doc("a b c d", sent_starts=[True, False, True, None])
    examples = [Example(make_doc("a b c d"), doc), Example(make_doc("a b"), make_doc("a b"))]
    task = SentenceStarts()
    targets, packed = task.targets(examples, OPS), pack([eg.predicted for eg in examples])
    scores = np.random.default_rng(0).normal(size=(6, 1))
    loss, d_scores = task.loss(scores, targets, packed)
    expected = np.log1p(np.exp(scores[1, 0])) + np.log1p(np.exp(-scores[2, 0]))
    assert loss == pytest.approx(expected)
    found = numeric_gradient(lambda: task.loss(scores, targets, packed)[0], scores)
    np.testing.assert_allclose(d_scores, found, atol=1e-4)
    assert not d_scores[[0, 3, 4, 5]].any()


def test_first_token_always_begins_one(make_doc, pack):
    docs = [make_doc("a b c"), make_doc(""), make_doc("d")]
    write(SentenceStarts(), docs, scores_of(-1, -1, 1, -1), pack)
    assert starts(docs[0]) == [True, False, True]
    assert starts(docs[2]) == [True]
    assert [len(list(doc.sents)) for doc in docs if len(doc)] == [2, 1]


def test_whitespace_begins_none(vocab, pack):
    doc = Doc(vocab, words=["a", "\n", "b"])
    write(SentenceStarts(), [doc], scores_of(1, 1, 1), pack)
    assert starts(doc) == [True, False, True]


def test_what_is_set_at_whitespace_begins_at_the_word_after_it(vocab, pack):
    """spaCy's `sentencizer` sets it there."""
    words = ["a", "\n", " ", "b", "\n"]
    docs = [Doc(vocab, words=words, sent_starts=[True, True, False, False, True]) for _ in range(2)]
    docs.append(Doc(vocab, words=["\n", "c"], sent_starts=[True, False]))
    write(SentenceStarts(), docs, scores_of(*12 * [-1]), pack)
    assert starts(docs[0]) == starts(docs[1]) == [True, False, False, True, False]
    assert starts(docs[2]) == [True, False]


@pytest.mark.parametrize("overwrite", [False, True])
def test_overwrite(overwrite, make_doc, pack):
    doc = make_doc("a b c", sent_starts=[True, False, None])
    write(SentenceStarts(overwrite=overwrite), [doc], scores_of(1, 1, 1), pack)
    assert starts(doc) == [True, overwrite, True]


def test_probabilities_and_outcomes(make_doc, pack):
    doc = make_doc("a b c", sent_starts=[True, False, True])
    example = Example(make_doc("a b c"), doc)
    task = SentenceStarts()
    task.temperature = 2.0
    scores = scores_of(0, 2, 4)
    decoded = task.decode(scores, pack([example.predicted]), OPS)
    np.testing.assert_allclose(decoded.probabilities[:, 1], 1 / (1 + np.exp(-scores[:, 0] / 2)))
    confidences, right = task.outcomes(decoded, task.targets([example], OPS))
    np.testing.assert_allclose(confidences, 1 / (1 + np.exp(-scores[1:, 0] / 2)), rtol=1e-6)
    assert right.tolist() == [False, True]


def test_scores_are_those_of_spacy(treebank):
    rng = np.random.default_rng(0)
    examples = []
    for doc in treebank.dev:
        other = Doc(
            doc.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc]
        )
        set_starts(other, np.where(rng.random(len(doc)) < 0.15, 1, -1))
        examples.append(Example(other, doc))
    expected = Scorer.score_spans(examples, "sents")
    found = SentenceStarts().score(examples)
    for key in ("sents_p", "sents_r", "sents_f"):
        assert 0 < found[key] < 1
        assert found[key] == pytest.approx(expected[key])
    assert sentence_counts(examples).score() == pytest.approx(expected["sents_f"])


def test_scores_on_other_tokens(treebank):
    examples = []
    for doc in treebank.dev:
        other = doc.copy()
        with other.retokenize() as retokenizer:
            retokenizer.merge(other[1:3])
        examples.append(Example(other, doc))
    assert sentence_scores(examples)["sents_f"] == pytest.approx(1.0)


def test_what_is_not_known_is_not_scored(make_doc, treebank):
    unknown = Example(make_doc("a b", sent_starts=[True, True]), make_doc("a b"))
    known = [Example(doc.copy(), doc) for doc in treebank.dev]
    assert sentence_scores([unknown]) == dict.fromkeys(("sents_p", "sents_r", "sents_f"))
    assert sentence_scores([unknown, *known])["sents_f"] == 1.0
    assert not sentence_counts([unknown]).array.any()
