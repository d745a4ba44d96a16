import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.lang.de import German
from spacy.tokens import Doc

from spacy_mtl.models import ngrams
from spacy_mtl.models.ngrams import NgramLinear, ngram_rows
from spacy_mtl.models.packed import doc_lengths, token_attributes

ROWS = 1 << 20  # large enough for a handful of n-grams never to share a row


def layer(n_classes=2, size=2, rows=64, attr="ORTH"):
    model = NgramLinear(size, rows, attr, nO=n_classes)
    model.initialize()
    W = np.random.default_rng(0).normal(size=(rows, n_classes)).astype("f")
    model.set_param("W", W)
    return model


def batch_rows(docs, size, attr, n_rows):
    """The rows of all n-grams of these documents, and their documents."""
    return ngram_rows(token_attributes(docs, [attr])[:, 0], doc_lengths(docs), size, n_rows)


def rows_of(doc, size, attr="ORTH", n_rows=ROWS):
    """The rows of the n-grams of one document, in reading order: words, pairs and so on."""
    rows, docs = batch_rows([doc], size, attr, n_rows)
    assert docs.tolist() == [0] * len(rows)
    return rows


def test_rows_are_the_same_in_every_vocabulary(make_doc):
    words = "the cat saw the dog"
    other = Doc(German().vocab, words=words.split())
    assert rows_of(make_doc(words), 3).tolist() == rows_of(other, 3).tolist()


def test_rows_stay_the_same(make_doc):
    """Saved models depend on them."""
    rows = rows_of(make_doc("red green red"), 2, n_rows=65536)
    assert rows.tolist() == [30078, 38488, 30078, 62112, 4233]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_counts(make_doc, size):
    for length in range(6):
        doc = make_doc(" ".join("abcdef"[:length]))
        expected = sum(max(length - n + 1, 0) for n in range(1, size + 1))
        rows = rows_of(doc, size)
        assert len(rows) == len(set(rows.tolist())) == expected


def test_same_ngram_same_row_at_every_place(make_doc):
    rows = rows_of(make_doc("x y z x y z"), 3).tolist()
    words, pairs, triples = rows[:6], rows[6:11], rows[11:]
    assert words[:3] == words[3:]
    assert pairs[:2] == pairs[3:]
    assert triples[0] == triples[3]
    assert len(set(rows)) == 3 + 3 + 3


def test_order_of_words_counts_in_bigrams_only(make_doc):
    one, other = make_doc("a b"), make_doc("b a")
    assert sorted(rows_of(one, 1)) == sorted(rows_of(other, 1))
    assert rows_of(one, 2)[2] != rows_of(other, 2)[2]


def test_attribute(make_doc):
    one, other = make_doc("Paris"), make_doc("paris")
    assert rows_of(one, 1, "LOWER") == rows_of(other, 1, "LOWER")
    assert rows_of(one, 1) != rows_of(other, 1)


def test_rows_are_spread_over_the_table(make_doc):
    rows = rows_of(make_doc(" ".join(f"w{i}" for i in range(6400))), 2, n_rows=64)
    assert rows.min() >= 0 and rows.max() < 64
    filled = np.bincount(rows, minlength=64)
    assert filled.min() > 120 and filled.max() < 290  # 200 expected


def test_scores_are_sums_of_rows_by_the_square_root_of_their_counts(make_doc, pack):
    model = layer()
    docs = [make_doc("a b a"), make_doc(""), make_doc("b")]
    W = model.get_param("W")
    counts = [np.bincount(rows_of(doc, 2, n_rows=64), minlength=64) for doc in docs]
    assert max(counts[0]) == 2
    expected = [np.sqrt(n) @ W for n in counts]
    np.testing.assert_allclose(model.predict(pack(docs)), expected, atol=1e-5)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    texts=st.lists(st.lists(st.sampled_from("abc"), max_size=5), max_size=5),
    size=st.integers(1, 6),
)
def test_batch_has_the_rows_of_its_documents(make_doc, texts, size):
    """Each with its place among them, and for each size of n-grams in reading order."""
    docs = [make_doc(" ".join(words)) for words in texts]
    rows, places = batch_rows(docs, size, "ORTH", 64)
    assert len(rows) == len(places)
    for place, doc in enumerate(docs):
        assert rows[places == place].tolist() == rows_of(doc, size, n_rows=64).tolist()


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    texts=st.lists(st.lists(st.sampled_from("abc"), max_size=5), min_size=1, max_size=5),
    size=st.integers(1, 4),
)
def test_no_ngram_crosses_documents(make_doc, pack, texts, size):
    model = layer(size=size)
    docs = [make_doc(" ".join(words)) for words in texts]
    apart = [model.predict(pack([doc]))[0] for doc in docs]
    np.testing.assert_allclose(model.predict(pack(docs)), apart, atol=1e-4)


def test_gradient(make_doc, pack, numeric_gradient):
    model = layer(rows=8)  # few rows, so that n-grams share them
    packed = pack([make_doc("a b a c"), make_doc(""), make_doc("b b"), make_doc("a")])
    scores, backprop = model(packed, True)
    direction = np.random.default_rng(1).normal(size=scores.shape).astype("f")
    for times in (1, 2):  # gradients add up
        backprop(direction)
        numeric = numeric_gradient(
            lambda: float((model.predict(packed) * direction).sum()), model.get_param("W")
        )
        np.testing.assert_allclose(model.get_grad("W"), times * numeric, atol=1e-2)


def test_batch_of_empty_documents(make_doc, pack):
    model = layer()
    scores, backprop = model(pack([make_doc(""), make_doc("")]), True)
    assert not scores.any() and scores.shape == (2, 2)
    backprop(np.ones_like(scores))
    assert not model.has_grad("W") or not model.get_grad("W").any()


def test_counted_once_for_all_heads(make_doc, pack, monkeypatch):
    """Of the same settings; others count for themselves."""
    packed = pack([make_doc("a b a"), make_doc("c")])
    calls = []
    counted = ngrams.count_ngrams
    monkeypatch.setattr(
        ngrams, "count_ngrams", lambda *args: calls.append(args[1:]) or counted(*args)
    )
    one, other, third = layer(), layer(n_classes=3), layer(size=1)
    for model in (one, other, third):
        expected = model.predict(pack(packed.docs))
        calls.clear()
        np.testing.assert_array_equal(model.predict(packed), expected)
        assert calls == (
            [] if model is other else [(model.attrs["ngram_size"], "ORTH", (0, 0), 0.0, 64)]
        )
