import numpy as np
from spacy.lang.en import English
from spacy.tokens import Doc

from spacy_mtl.tasks.forms import Forms, distinct_rows


def test_tokens_of_documents(vocab):
    other = English().vocab  # the strings are those of each document
    words = ["New", "\n", "York"], [], ["grows", "fast"]
    docs = [Doc(v, words=w) for v, w in zip((vocab, vocab, other), words, strict=True)]
    forms = Forms.of(docs)
    assert [forms.text(i) for i in range(5)] == ["New", "\n", "York", "grows", "fast"]
    assert [forms.document(i) for i in range(5)] == [0, 0, 0, 2, 2]
    assert forms.is_space.tolist() == [False, True, False, False, False]
    assert len(set(forms.kind)) == 5 and forms.kind.max() == 4
    assert forms.attribute("LOWER")[0] == vocab.strings["new"]


def test_no_tokens(make_doc):
    for docs in ([], [make_doc("")]):
        forms = Forms.of(docs)
        assert forms.orth.shape == forms.is_space.shape == forms.attribute("NORM").shape == (0,)


def test_distinct_rows():
    rows = [(7, 0, 2), (1, 5, 2), (7, 0, 2), (7, 0, 2), (1, 6, 2)]
    first, kind = distinct_rows(np.asarray(rows))
    assert sorted(rows[i] for i in first) == sorted(set(rows))
    assert [rows[first[k]] for k in kind] == rows
    assert all(rows.index(rows[i]) == i for i in first)


def test_rows_of_more_kinds_than_there_are_numbers():
    """Fifty columns of a thousand values each; the rows differ in one of them."""
    table = np.random.default_rng(0).integers(1000, size=(1, 50)).repeat(51, axis=0)
    table[:, 0] = 999
    table[np.arange(1, 51), np.arange(50)] = 1000
    first, kind = distinct_rows(np.concatenate([table, table]))
    assert len(first) == 51
    assert kind[:51].tolist() == kind[51:].tolist() and len(set(kind)) == 51


def test_no_rows():
    for table in (np.zeros((0, 3), dtype=int), np.zeros((2, 0), dtype=int)):
        first, kind = distinct_rows(table)
        assert len(first) == min(len(table), 1) and len(kind) == len(table)
