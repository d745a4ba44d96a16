import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.training import Example

from spacy_mtl.tasks.alignment import aligned_attribute, index_of, same_tokens

HASHES = st.integers(0, 2**64 - 1)


def ids(*labels):
    return [get_string_id(label) if label else 0 for label in labels]


def test_same_tokens(make_doc, vocab):
    assert same_tokens(Example(make_doc("a b"), make_doc("a b", tags=["X", "Y"])))
    assert same_tokens(Example(make_doc(""), make_doc("")))
    assert not same_tokens(Example(make_doc("a b"), make_doc("a c")))
    joined = Doc(vocab, words=["ab"])
    parts = Doc(vocab, words=["a", "b"], spaces=[False, False])
    assert not same_tokens(Example(joined, parts))


def test_attribute_of_the_same_tokens(make_doc):
    example = Example(make_doc("a b c"), make_doc("a b c", tags=["DT", "", "NN"]))
    values = aligned_attribute(example, "TAG")
    assert values.dtype == np.uint64
    assert values.tolist() == ids("DT", None, "NN")


def test_attribute_of_other_tokens(vocab):
    predicted = Doc(vocab, words=["do", "n't", "stop", "it"], spaces=[False, True, False, False])
    reference = Doc(
        vocab,
        words=["don't", "sto", "p", "it"],
        spaces=[True, False, False, False],
        tags=["VB", "NN", "NN", ""],
    )
    # A token that is split hands on its tag, tokens that are joined only if they agree.
    values = aligned_attribute(Example(predicted, reference), "TAG")
    assert values.dtype == np.uint64
    assert values.tolist() == ids("VB", "VB", "NN", None)
    reference[1].tag_ = "XX"
    values = aligned_attribute(Example(predicted, reference), "TAG")
    assert values.tolist() == ids("VB", "VB", None, None)


def test_whitespace_that_the_reference_does_not_have(vocab):
    predicted = Doc(vocab, words=["a", "  ", "b"], spaces=[False, False, False])
    reference = Doc(vocab, words=["a", "b"], tags=["DT", "NN"])
    values = aligned_attribute(Example(predicted, reference), "TAG")
    assert values.tolist() == ids("DT", None, "NN")


def test_attribute_of_an_empty_document(make_doc):
    values = aligned_attribute(Example(make_doc(""), make_doc("")), "TAG")
    assert values.shape == (0,) and values.dtype == np.uint64


@settings(derandomize=True, deadline=None, max_examples=100)
@given(values=st.lists(HASHES, max_size=20), known=st.lists(HASHES, unique=True, max_size=10))
def test_index_is_the_place_in_the_list(values, known):
    values += known
    found = index_of(np.asarray(values, dtype="uint64"), np.asarray(known, dtype="uint64"))
    assert found.dtype == np.int32
    assert found.tolist() == [known.index(v) if v in known else -1 for v in values]
