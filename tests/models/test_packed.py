import numpy as np

from spacy_mtl.models.packed import doc_lengths, row_starts


def test_starts_are_where_each_document_begins(make_doc, pack):
    packed = pack([make_doc("a b c"), make_doc(""), make_doc("d"), make_doc("e f")])
    assert packed.lengths.tolist() == [3, 0, 1, 2]
    assert row_starts(packed.lengths).tolist() == [0, 3, 3, 4]
    assert packed.X.shape == (6, 4)


def test_batch_without_documents():
    assert doc_lengths([]).shape == (0,)
    assert row_starts(doc_lengths([])).shape == (0,)


def test_starts_do_not_overflow():
    lengths = np.asarray([2**31 - 1, 2**31 - 1, 5], dtype="int32")
    assert row_starts(lengths).tolist() == [0, 2**31 - 1, 2**32 - 2]
