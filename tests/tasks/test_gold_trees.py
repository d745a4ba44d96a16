"""Heads, relations and sentences of references."""

import numpy as np
import pytest
from spacy.tokens import Doc
from spacy.training import Example

from spacy_mtl.layers.sentences import set_starts
from spacy_mtl.tasks.gold_trees import GoldTrees

DEPS = ["det", "nsubj", "ROOT"]


def parsed(make_doc, words="the cat sleeps", heads=(1, 2, 2), deps=DEPS):
    return make_doc(words, heads=list(heads), deps=list(deps))


def of(*examples):
    return GoldTrees.of(examples)


def test_tokens_are_numbered_through_the_batch(make_doc):
    reference = parsed(make_doc)
    gold = of(
        Example(make_doc("x y"), make_doc("x y")),
        Example(make_doc(""), make_doc("")),
        Example(make_doc("the cat sleeps"), reference),
    )
    assert gold.heads.tolist() == [-1, -1, 3, 4, 4]
    assert [reference.vocab.strings[each] for each in gold.relations[2:].tolist()] == DEPS
    assert not gold.relations[:2].any()
    assert gold.starts.tolist() == [0, 0, 1, -1, -1]
    assert gold.begins.tolist() == [True, False, True, False, False]
    assert gold.whole.tolist() == [False, False, True, True, True]
    assert gold.first.tolist() == [True, False, True, False, False]


def test_a_token_without_a_head_is_no_known_goes_on(make_doc):
    """spaCy sets -1 there, and makes none a sentence start."""
    doc = parsed(make_doc, "a b c d", (1, 1, 2, 3), ["x", "ROOT", "", "ROOT"])
    assert doc.to_array("SENT_START").astype("int64").tolist() == [1, -1, -1, 1]
    gold = of(Example(make_doc("a b c d"), doc))
    assert gold.starts.tolist() == [0, 0, 0, 0]
    assert gold.heads.tolist() == [1, 1, -1, 3]
    assert not gold.whole.any()
    assert gold.begins.tolist() == [True, False, False, True]


def test_sentences_without_a_tree(make_doc):
    doc = make_doc("a b c", sent_starts=[True, None, True])
    gold = of(Example(make_doc("a b c"), doc))
    assert gold.starts.tolist() == [1, 0, 1]
    assert gold.heads.tolist() == [-1, -1, -1]
    alone = make_doc("a b", sent_starts=[True, None])
    assert of(Example(make_doc("a b"), alone)).starts.tolist() == [0, 0]


def test_no_known_arc_leads_out_of_a_sentence(make_doc):
    """What spaCy takes for a start may lie within an arc where a head is missing."""
    doc = parsed(make_doc, "a b c d", (3, 1, 1, 3), ["x", "ROOT", "y", ""])
    gold = of(Example(make_doc("a b c d"), doc))
    inner = np.flatnonzero(gold.begins)
    for word, head in enumerate(gold.heads.tolist()):
        if head >= 0:
            assert not ((inner > min(word, head)) & (inner <= max(word, head))).any()


def test_whitespace_has_no_head_and_is_none(vocab):
    words, spaces = ["a", " ", "b"], [True, False, False]
    doc = Doc(vocab, words=words, spaces=spaces, heads=[1, 0, 2], deps=["x", "dep", "ROOT"])
    gold = of(Example(Doc(vocab, words=words, spaces=spaces), doc))
    assert gold.heads.tolist() == [-1, -1, 2]
    assert gold.is_space.tolist() == [False, True, False]


def test_a_sentence_that_begins_at_whitespace_begins_at_its_first_word(vocab):
    words = [" ", "a", " ", "b"]
    doc = Doc(vocab, words=words, sent_starts=[True, False, True, False])
    assert of(Example(Doc(vocab, words=words), doc)).starts.tolist() == [1, -1, 1, 1]


@pytest.mark.parametrize("piece", [["the cat", "sleeps"], ["the", "cat", "sle", "eps"]])
def test_other_tokens_as_spacy_aligns_them(piece, make_doc, vocab):
    reference = parsed(make_doc)
    spaces = [True, False] if len(piece) == 2 else [True, True, False, False]
    example = Example(Doc(vocab, words=piece, spaces=spaces), reference)
    heads, deps = example.get_aligned_parse(projectivize=False)
    gold = of(example)
    expected = [-1 if head is None else int(head) for head in heads]
    assert gold.heads.tolist() == expected
    known = gold.heads >= 0
    assert [vocab.strings[r] for r in gold.relations[known].tolist()] == [
        dep for dep, head in zip(deps, expected, strict=True) if head >= 0
    ]
    starts = example.get_aligned_sent_starts()
    assert gold.starts.tolist() == [1 if start else -1 for start in starts]


def test_changed_annotation_is_aligned_anew(make_doc):
    reference = make_doc("a b", sent_starts=[True, True])
    example = Example(make_doc("a b"), reference)
    assert of(example).starts.tolist() == [1, 1]
    set_starts(reference, [1, -1])
    assert of(example).starts.tolist() == [1, -1]


def test_nothing():
    assert of().heads.tolist() == []
