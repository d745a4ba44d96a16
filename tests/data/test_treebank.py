"""The treebank for tests is what its README says."""

from collections import Counter

import numpy
import spacy
from conftest import Treebank
from spacy.pipeline._parser_internals import nonproj
from spacy.tokens import Doc, Span

LAYERS = ("TAG", "POS", "MORPH", "LEMMA", "DEP", "SENT_START", "ENT_IOB")


def heads(sentence: Span) -> list[int]:
    return [token.head.i - sentence.start for token in sentence]


def sentences(docs: list[Doc]) -> list[Span]:
    return [sentence for doc in docs for sentence in doc.sents]


def test_sizes(treebank: Treebank) -> None:
    assert (len(treebank.train), len(treebank.dev)) == (18, 4)
    assert (len(sentences(treebank.train)), len(sentences(treebank.dev))) == (80, 20)


def test_every_layer_is_complete(treebank: Treebank) -> None:
    for doc in [*treebank.train, *treebank.dev]:
        assert all(doc.has_annotation(layer, require_complete=True) for layer in LAYERS)
        assert Counter(doc.cats.values()) == {1.0: 1, 0.0: 2}


def test_trees(treebank: Treebank) -> None:
    for docs, n_nonprojective in ((treebank.train, 3), (treebank.dev, 2)):
        trees = [heads(sentence) for sentence in sentences(docs)]
        roots = [numpy.count_nonzero(numpy.asarray(tree) == range(len(tree))) for tree in trees]
        assert {*roots} == {1}
        assert not any(nonproj.contains_cycle(tree) for tree in trees)
        assert sum(map(nonproj.is_nonproj_tree, trees)) == n_nonprojective


def test_no_sentence_twice(treebank: Treebank) -> None:
    texts = Counter(span.text for span in sentences([*treebank.train, *treebank.dev]))
    assert {*texts.values()} == {1}


def test_tokens_are_those_of_the_tokenizer(treebank: Treebank) -> None:
    nlp = spacy.blank("en")
    for doc in [*treebank.train, *treebank.dev]:
        assert [t.text for t in nlp.make_doc(doc.text)] == [t.text for t in doc]


def test_docs_are_fresh(treebank: Treebank, read_treebank) -> None:
    vocab = spacy.blank("en").vocab
    again = read_treebank(vocab)
    assert all(doc.vocab is vocab for doc in [*again.train, *again.dev])
    assert [doc.text for doc in again.train] == [doc.text for doc in treebank.train]
