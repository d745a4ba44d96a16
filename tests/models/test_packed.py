import numpy as np
import pytest
from spacy.attrs import ORTH, SHAPE

from spacy_mtl.models.packed import doc_lengths, row_starts, token_attributes


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


def test_computed_once(make_doc, pack):
    packed, calls = pack([make_doc("a")]), []

    def compute():
        calls.append(1)
        return calls[:]

    assert packed.once("x", compute) is packed.once("x", compute)
    assert packed.once(("x", 1), compute) == [1, 1]
    assert len(calls) == 2
    assert pack([make_doc("a")]).once("x", compute) == [1, 1, 1]  # each batch by itself


def test_nothing_is_something_too(pack):
    packed = pack([])
    assert packed.once("nothing", lambda: None) is None
    assert packed.once("nothing", lambda: 1) is None


def test_attributes_of_all_tokens(make_doc, pack, vocab):
    docs = [make_doc("New York"), make_doc(""), make_doc("2019")]
    packed = pack(docs)
    found = packed.attributes("ORTH", "SHAPE")
    tokens = [token for doc in docs for token in doc]
    assert found.tolist() == [[token.orth, token.shape] for token in tokens]
    assert found.dtype == "uint64"
    assert packed.attributes("ORTH", "SHAPE") is found
    assert packed.attributes("SHAPE").tolist() == [[token.shape] for token in tokens]


def test_attributes_as_they_were(make_doc, pack):
    """What heads and tasks look at does not change in the middle of a batch."""
    doc = make_doc("a b")
    packed = pack([doc])
    assert not packed.attributes("ENT_IOB").any()
    doc.set_ents([doc[0:1]])
    assert not packed.attributes("ENT_IOB").any()
    assert pack([doc]).attributes("ENT_IOB").any()


@pytest.mark.parametrize("attrs", [[ORTH], [ORTH, SHAPE]])
def test_attributes_of_spans(make_doc, attrs):
    docs = [make_doc("New York in 2019"), make_doc("x")]
    spans = [docs[0][1:3], docs[0][2:2], docs[1][:]]
    whole = token_attributes(docs, attrs)
    assert whole.shape == (5, len(attrs))
    assert token_attributes(spans, attrs).tolist() == whole[[1, 2, 4]].tolist()


@pytest.mark.parametrize("attrs", [[], ["ORTH"], ["ORTH", "LOWER"]])
def test_no_tokens(make_doc, attrs):
    for docs in ([], [make_doc(""), make_doc("")]):
        found = token_attributes(docs, attrs)
        assert found.shape == (0, len(attrs)) and found.dtype == "uint64"
