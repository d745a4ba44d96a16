"""The hash embedding against spaCy's `MultiHashEmbed`, which is the truth."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.attrs import NORM, SHAPE, SPACY
from spacy.lang.en import English
from spacy.ml.models.tok2vec import MultiHashEmbed
from spacy.tokens import Doc
from spacy.util import fix_random_seed
from spacy.vectors import Vectors
from thinc.api import NumpyOps, set_dropout_rate

from spacy_mtl.errors import MTLError
from spacy_mtl.models.encoders.hash_embed import HashEmbed

from .helpers import (
    Pass,
    Replay,
    assert_close,
    assert_same_gradients,
    assert_same_pass,
    copy_weights,
    random_like,
    randomize,
)

WIDTH = 8
WORDS = ["the", "The", "cat", "cats", "x-ray", "2019", "Rio", "!", "sat", "mat"]


def both(attrs=("NORM", "SHAPE", "SPACY"), static=False, seed=0, docs=None, **settings):
    """Ours and spaCy's, with the same weights, 13 and more rows for each attribute."""
    rows = [13 + 2 * i for i in range(len(attrs))]
    stock = MultiHashEmbed(WIDTH, list(attrs), rows, static)
    stock.initialize(X=docs)
    randomize(stock, seed)
    return copy_weights(stock, HashEmbed(WIDTH, list(attrs), rows, static, **settings)), stock


def docs_of(vocab, texts, spaced=True):
    return [
        Doc(vocab, words=words, spaces=[spaced and len(word) > 2 for word in words])
        for words in texts
    ]


def vocab_with_vectors(mode="default", seed=0):
    """Vectors of 5 dimensions, for some of `WORDS`."""
    vocab = English().vocab
    data = np.random.default_rng(seed).normal(size=(6, 5)).astype("f")
    if mode == "floret":
        vectors = Vectors(
            data=data, mode="floret", hash_count=2, minn=1, maxn=3, strings=vocab.strings
        )
    else:
        vectors = Vectors(data=data, keys=WORDS[:6], strings=vocab.strings)
    vocab.vectors = vectors
    return vocab


@pytest.fixture
def docs(vocab):
    return docs_of(vocab, [WORDS[:4], [], ["cat", "cat"], ["mat"], WORDS])


texts = st.lists(st.lists(st.sampled_from(WORDS), max_size=7), max_size=5).filter(any)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    texts=texts,
    attrs=st.lists(st.sampled_from(["NORM", "PREFIX", "LOWER", "SPACY"]), min_size=1, max_size=3),
    cache_bits=st.sampled_from([0, 1, 16]),
    seed=st.integers(0, 2**31),
)
def test_same_as_stock(backend, vocab, texts, attrs, cache_bits, seed):
    """Outputs, in prediction as in training, and gradients of parameters."""
    docs = docs_of(vocab, texts)
    ours, stock = both(attrs, seed=seed, cache_bits=cache_bits)
    for _ in range(2):  # computed, and remembered
        assert_close(ours.predict(docs), stock.predict(docs))
    assert_same_pass(Pass.of(ours, docs), Pass.of(stock, docs))


@pytest.mark.parametrize("cache_bits", [0, 8])
@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("n_docs", [0, 1, 2])
def test_batches_without_words(backend, n_docs, static, cache_bits):
    vocab = vocab_with_vectors()
    ours, _ = both(static=static, docs=docs_of(vocab, [WORDS]), cache_bits=cache_bits)
    docs = docs_of(vocab, [[]] * n_docs)
    assert [Y.shape for Y in ours.predict(docs)] == [(0, WIDTH)] * n_docs
    learned = Pass.of(ours, docs)
    assert [Y.shape for Y in learned.outputs] == [(0, WIDTH)] * n_docs
    assert not any(gradient.any() for _, _, gradient in learned.gradients)


def test_gradients_add_up(backend, docs):
    ours, stock = both()
    for model in (ours, stock):
        for seed, batch in enumerate([docs, docs[:3]]):
            Ys, backprop = model.begin_update(batch)
            assert backprop(random_like(Ys, seed)) in (batch, [])
    for one, other in zip(list(ours.walk())[1:], list(stock.walk())[1:], strict=True):
        assert one.grad_names == other.grad_names or not other.param_names
        for name in other.grad_names:
            assert_close(one.get_grad(name), other.get_grad(name))


def test_norm_belongs_to_the_token(backend, vocab):
    """Not to the word: "ca" is "can" in "can't"."""
    doc = English()("can't ca")
    assert [(token.text, token.norm_) for token in doc] == [
        ("ca", "can"),
        ("n't", "not"),
        ("ca", "ca"),
    ]
    ours, stock = both(["NORM", "ORTH"])
    Y = ours.predict([doc])[0]
    assert not np.allclose(Y[0], Y[2])
    assert_close([Y], stock.predict([doc]))
    doc[2].norm_ = "can"
    assert_close(ours.predict([doc]), stock.predict([doc]))
    assert_same_pass(Pass.of(ours, [doc]), Pass.of(stock, [doc]))


def test_attributes_in_any_form(backend, docs):
    ours, stock = both(["norm", "Shape", SPACY])
    plain, _ = both(["NORM", "SHAPE", "SPACY"])
    by_number, _ = both([NORM, SHAPE, SPACY])
    for model in (ours, plain, by_number):
        assert_close(model.predict(docs), stock.predict(docs))


def test_spans(backend, docs):
    """As spaCy's layer, which takes them if attributes are numbers."""
    ours, stock = both([NORM, SHAPE])
    spans = [docs[0][1:3], docs[4][5:], docs[4][2:2]]
    assert_close(ours.predict(spans), stock.predict(spans))
    assert_same_pass(Pass.of(ours, spans), Pass.of(stock, spans))


def test_many_tables_stay_in_order(backend, docs):
    """More than nine, as in configs for many features."""
    ours, stock = both(["NORM", "LOWER", "PREFIX", "SUFFIX", "SHAPE", "SPACY"] * 2)
    assert_close(ours.predict(docs), stock.predict(docs))


def test_inputs_stay_as_they_are(backend, docs):
    ours, _ = both(cache_bits=16)
    Ys, backprop = ours.begin_update(docs)
    dYs = random_like(Ys)
    kept = copy.deepcopy(dYs)
    backprop(dYs)
    assert all((a == b).all() for a, b in zip(dYs, kept, strict=True))
    first = ours.predict(docs)
    kept = copy.deepcopy(first)
    for Y in first:
        Y += 1  # vectors belong to who got them
    assert_close(ours.predict(docs), kept)


# Static vectors


@pytest.mark.parametrize("mode", ["default", "floret"])
def test_static_vectors(backend, mode):
    docs = docs_of(vocab_with_vectors(mode), [WORDS, [], WORDS[3:7]])
    ours, stock = both(static=True, docs=docs)
    for _ in range(2):
        assert_close(ours.predict(docs), stock.predict(docs))
    assert_same_pass(Pass.of(ours, docs), Pass.of(stock, docs))


def test_vectors_by_another_attribute(backend):
    vocab = vocab_with_vectors()
    vectors = Vectors(data=vocab.vectors.data, keys=WORDS[:6], strings=vocab.strings, attr="LOWER")
    vocab.vectors = vectors
    docs = docs_of(vocab, [["THE", "the", "CAT"]])
    ours, stock = both(["SPACY"], static=True, docs=docs)
    assert_close(ours.predict(docs), stock.predict(docs))
    assert_same_pass(Pass.of(ours, docs), Pass.of(stock, docs))


def test_replaced_vectors_are_noticed(backend):
    docs = docs_of(vocab_with_vectors(), [WORDS])
    ours, stock = both(static=True, docs=docs)
    before = ours.predict(docs)
    for seed in range(1, 4):
        vocab = docs[0].vocab
        data = np.random.default_rng(seed).normal(size=(6, 5)).astype("f")
        vocab.vectors = Vectors(data=data, keys=WORDS[:6], strings=vocab.strings)
        after = ours.predict(docs)
        assert not np.allclose(before[0], after[0])
        assert_close(after, stock.predict(docs))
    others = docs_of(vocab_with_vectors(), [WORDS])
    assert_close(ours.predict(others), before)


def test_new_vectors_are_noticed(backend):
    docs = docs_of(vocab_with_vectors(), [WORDS])
    ours, stock = both(static=True, docs=docs)
    before = ours.predict(docs)
    docs[0].vocab.set_vector("mat", np.ones(5, dtype="f"))
    after = ours.predict(docs)
    assert not np.allclose(before[0], after[0])
    assert_close(after, stock.predict(docs))


# Weights


def test_weights_go_both_ways(backend, docs):
    ours, stock = both()
    other = MultiHashEmbed(WIDTH, ["NORM", "SHAPE", "SPACY"], [13, 15, 17], False)
    other.initialize()
    copy_weights(ours, other)
    assert all(
        (a == b).all() for a, b in zip(other.predict(docs), stock.predict(docs), strict=True)
    )
    assert copy_weights(other, ours).to_bytes() == ours.to_bytes()


@pytest.mark.parametrize("static", [False, True])
def test_initialized_like_stock(backend, static):
    docs = docs_of(vocab_with_vectors(), [WORDS])
    found = []
    for make in (HashEmbed, MultiHashEmbed):
        fix_random_seed(3)
        model = make(WIDTH, ["NORM", "SHAPE"], [13, 15], static)
        model.initialize(X=docs)
        found.append((model.predict(docs), [model.maybe_get_dim(n) for n in model.dim_names]))
    assert found[0][1] == found[1][1]
    assert_close(found[0][0], found[1][0])


@pytest.mark.parametrize(
    "duplicate", [lambda m: m.copy(), copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_stand_alone(backend, docs, duplicate):
    ours, stock = both()
    expected = ours.predict(docs)
    other = duplicate(ours)
    randomize(ours, seed=1)
    assert_close(other.predict(docs), expected)
    assert_close(ours.predict(docs), randomize(stock, seed=1).predict(docs))
    assert_same_pass(Pass.of(duplicate(ours), docs), Pass.of(stock, docs))


# Dropout


def mixers_dropout(model):
    return next(node for node in model.walk() if node.name == "dropout")


@pytest.mark.parametrize("static", [False, True])
def test_tables_drop_dimensions_like_stock(backend, static):
    """One mask for a table and a batch, from the same random numbers as spaCy's."""
    docs = docs_of(vocab_with_vectors(), [WORDS, [], WORDS[2:5]])
    passes = []
    for model in both(static=static, docs=docs):
        set_dropout_rate(model, 0.4)
        mixers_dropout(model).attrs["dropout_rate"] = 0.0
        still = model.predict(docs)
        fix_random_seed(11)
        passes.append(Pass.of(model, docs))
        assert not np.allclose(passes[-1].outputs[0], still[0])
    assert_same_pass(*passes)


def test_same_as_stock_with_the_same_dropout(backend, docs, monkeypatch):
    """Of tokens, not of words: the same word twice is dropped in other places."""
    ours, stock = both()
    for model in (ours, stock):
        mixers_dropout(model).attrs["dropout_rate"] = 0.5
        for node in model.walk():
            if node.name == "hashembed":
                node.attrs["dropout_rate"] = None  # draws nothing
    drawn = Replay(backend.keep_mask, backend.to_array)
    monkeypatch.setattr(backend, "keep_mask", drawn.record)
    actual = Pass.of(ours, docs)
    assert [len(mask) for mask in drawn.masks] == [sum(map(len, docs))]
    cats = actual.outputs[2]
    assert ((cats[0] == 0) != (cats[1] == 0)).any()

    def replay(ops, shape, rate):
        return drawn.replay(shape, rate) if rate else np.ones(shape, dtype="f")

    monkeypatch.setattr(NumpyOps, "get_dropout_mask", replay)
    expected = Pass.of(stock, docs)
    assert not drawn.masks
    assert_close(actual.outputs, expected.outputs)
    assert_same_gradients(actual, expected)


def test_dropout_is_random_in_training_alone(backend, docs):
    ours, _ = both()
    still = ours.predict(docs)
    assert_close(Pass.of(ours, docs).outputs, still)
    set_dropout_rate(ours, 0.3)
    fix_random_seed(5)
    first, second = (np.concatenate(ours.begin_update(docs)[0]) for _ in range(2))
    fix_random_seed(5)
    again = np.concatenate(ours.begin_update(docs)[0])
    assert (first == again).all() and not np.allclose(first, second)
    assert_close(ours.predict(docs), still)


# Errors


def test_rows_for_every_attribute():
    with pytest.raises(MTLError, match="as many `rows` as `attrs`.*1 and 2"):
        HashEmbed(4, ["NORM", "SHAPE"], [10], False)
    with pytest.raises(MTLError, match="at least one.*0 and 0"):
        HashEmbed(4, [], [], False)


def test_attributes_that_are_none():
    with pytest.raises(MTLError, match="attribute of tokens.*'NORMAL'"):
        HashEmbed(4, ["NORMAL"], [10], False)


@pytest.mark.parametrize("bits", [-1, 25])
def test_size_of_the_cache(bits):
    with pytest.raises(MTLError, match=f"from 0 to 24, got {bits}"):
        HashEmbed(4, ["NORM"], [10], False, cache_bits=bits)


def test_no_gradient_of_a_prediction(backend, docs):
    ours, _ = both()
    Ys, backprop = ours(docs, False)
    with pytest.raises(MTLError, match="is_train"):
        backprop(Ys)
