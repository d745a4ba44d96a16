"""What a parse got right, beside spaCy's scorer."""

import numpy as np
import pytest
from spacy.pipeline.dep_parser import parser_score
from spacy.tokens import Doc
from spacy.training import Example

from spacy_mtl.tasks.tree_scores import TreeCounts, relation_confusion, relations_of

KEYS = ("dep_uas", "dep_las", "dep_las_per_type")


def unparsed(doc):
    words, spaces = [t.text for t in doc], [bool(t.whitespace_) for t in doc]
    return Doc(doc.vocab, words=words, spaces=spaces)


def disturbed(doc, rng):
    """The same document with some heads and relations moved, still a tree of each sentence."""
    copy = doc.copy()
    table = copy.to_array(["HEAD", "DEP"])
    for token in doc:
        if rng.random() < 0.3 and token.head.i != token.i:
            others = [t for t in token.sent if t not in token.subtree]
            table[token.i, 0] = np.uint64((others[0].i - token.i) % 2**64)
        if rng.random() < 0.3:
            table[token.i, 1] = table[int(rng.integers(len(table))), 1]
    copy.from_array(["HEAD", "DEP"], table)
    return copy


def counts(examples):
    sides = [doc for example in examples for doc in (example.reference, example.predicted)]
    return TreeCounts(examples, sorted(relations_of(sides)))


def assert_as_spacy(examples):
    expected, found = parser_score(examples), counts(examples).scores()
    for key in KEYS[:2]:
        assert found[key] == pytest.approx(expected[key])
    for name, prf in expected[KEYS[2]].items():
        assert found[KEYS[2]].get(name, dict.fromkeys("prf", 0.0)) == pytest.approx(prf)


def test_as_spacy_where_all_trees_are_complete(treebank):
    rng = np.random.default_rng(0)
    examples = [Example(disturbed(doc, rng), doc) for doc in treebank.dev + treebank.train]
    assert 0.2 < counts(examples).scores()["dep_las"] < 0.9
    assert_as_spacy(examples)


def test_as_spacy_on_other_tokens(treebank, vocab):
    rng = np.random.default_rng(0)
    examples = []
    for doc in treebank.dev:
        other = disturbed(doc, rng)
        with other.retokenize() as retokenizer:
            retokenizer.merge(other[0:2])
            retokenizer.merge(other[4:6])
        examples.append(Example(other, doc))
    assert_as_spacy(examples)


def test_documents_without_trees_change_nothing(treebank):
    """spaCy's scorer passes over the tokens of one document whose numbers were missing in one
    before."""
    whole = [Example(doc.copy(), doc) for doc in treebank.dev]
    without = [Example(doc.copy(), unparsed(doc)) for doc in treebank.train]
    assert parser_score(without + whole)["dep_uas"] == 0.0
    found = counts(without + whole)
    assert found.scores()["dep_uas"] == found.scores()["dep_las"] == 1.0
    assert not found.labelled[: len(without)].any()
    assert counts(without).scores() == dict.fromkeys(KEYS)


def test_words_without_a_relation_are_left_out(make_doc):
    gold = make_doc("a b c", heads=[1, 1, 1], deps=["x", "ROOT", ""])
    guess = make_doc("a b c", heads=[1, 1, 0], deps=["x", "ROOT", "y"])
    assert counts([Example(guess, gold)]).scores()["dep_las"] == 1.0


def test_nothing_predicted_is_wrong(treebank):
    examples = [Example(unparsed(doc), doc) for doc in treebank.dev]
    assert_as_spacy(examples)
    assert counts(examples).scores()["dep_las"] == 0.0


def test_statistics_are_those_of_the_score(treebank):
    rng = np.random.default_rng(1)
    examples = [Example(disturbed(doc, rng), doc) for doc in treebank.dev]
    found = TreeCounts(examples, relations_of(treebank.train))
    statistics = found.statistics()
    assert statistics.score() == pytest.approx(found.scores()["dep_las"])
    assert len(statistics) == len(examples)
    assert statistics.metric == "labelled attachment score"


def test_confusion_of_words_with_the_right_head(make_doc):
    gold = make_doc("a b c d", heads=[1, 1, 1, 1], deps=["x", "ROOT", "y", "punct"])
    guess = make_doc("a b c d", heads=[1, 1, 0, 1], deps=["y", "ROOT", "y", "x"])
    found = relation_confusion([Example(guess, gold)], ["ROOT", "x", "y"])
    assert found.rows == ["root", "x", "y", "(unseen)"]
    assert found.counts[:3, :3].tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
