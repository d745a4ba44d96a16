import numpy as np
from spacy.lang.en import English
from spacy.tokens import Doc

from spacy_mtl.tasks.forms import Forms, distinct_pairs


def test_tokens_of_documents(vocab):
    other = English().vocab  # the strings are those of each document
    words = ["New", "\n", "York"], [], ["grows", "fast"]
    docs = [Doc(v, words=w) for v, w in zip((vocab, vocab, other), words, strict=True)]
    forms = Forms.of(docs)
    assert [forms.text(i) for i in range(5)] == ["New", "\n", "York", "grows", "fast"]
    assert [forms.document(i) for i in range(5)] == [0, 0, 0, 2, 2]
    assert forms.is_space.tolist() == [False, True, False, False, False]
    assert forms.attribute("LOWER")[0] == vocab.strings["new"]


def test_no_tokens(make_doc):
    for docs in ([], [make_doc("")]):
        forms = Forms.of(docs)
        assert forms.orth.shape == forms.is_space.shape == forms.attribute("NORM").shape == (0,)


def test_distinct_pairs():
    one = np.asarray([7, 2**63, 7, 7, 2**63], dtype="uint64")
    other = np.asarray([-1, 5, -1, 5, 6])
    first, kind = distinct_pairs(one, other)
    pairs = list(zip(one.tolist(), other.tolist(), strict=True))
    assert sorted(pairs[i] for i in first) == sorted(set(pairs))
    assert [pairs[first[k]] for k in kind] == pairs
    assert all(pairs.index(pairs[i]) == i for i in first)


def test_no_pairs():
    first, kind = distinct_pairs(np.zeros(0, dtype="uint64"), np.zeros(0, dtype=int))
    assert len(first) == len(kind) == 0
