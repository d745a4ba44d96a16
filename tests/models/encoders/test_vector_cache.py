"""Remembered vectors are those that would be computed, whatever happens to the weights."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.ml.models.tok2vec import MultiHashEmbed
from spacy.tokens import Doc
from thinc.api import SGD, NumpyOps

from spacy_mtl.models.encoders.hash_embed import HashEmbed
from spacy_mtl.models.encoders.vector_cache import VectorCache, feature_keys

from .helpers import assert_close, copy_weights, random_like, randomize

OPS = NumpyOps()
WIDTH = 8
ATTRS, ROWS = ["NORM", "SHAPE"], [50, 30]


class Source:
    """Vectors of keys: the key's low bits. Counts what it is asked for."""

    def __init__(self, keys):
        self.keys = np.asarray(keys, dtype="uint64")
        self.asked = []

    def compute(self, places):
        keys = self.keys[places]
        assert len(set(keys.tolist())) == len(keys)
        self.asked.extend(keys.tolist())
        return np.stack([keys % np.uint64(1000), keys % np.uint64(7)], axis=1).astype("f")

    def read(self, cache, state="weights"):
        found = cache.vectors(self.keys, 2, state, self.compute, OPS)
        expected = Source(self.keys).compute(np.unique(self.keys, return_index=True)[1])
        assert (found == expected[np.unique(self.keys, return_inverse=True)[1]]).all()
        return sorted(self.asked)


def spread(*numbers):
    """Keys with these numbers as their slots, in a cache of 8 bits."""
    return [(number << 56) + 5 for number in numbers]


def test_each_key_is_computed_once():
    cache = VectorCache(8)
    keys = spread(3, 200, 3, 3, 17)
    assert Source(keys).read(cache) == sorted(spread(3, 17, 200))
    assert Source(keys).read(cache) == []
    assert Source(keys + spread(4)).read(cache) == spread(4)


def test_other_weights_forget():
    cache = VectorCache(8)
    assert len(Source(spread(1, 2)).read(cache, "before")) == 2
    assert len(Source(spread(1, 2)).read(cache, "after")) == 2
    assert len(Source(spread(1, 2)).read(cache, "after")) == 0
    assert len(Source(spread(1, 2)).read(cache, "before")) == 2


def test_weights_that_change_while_vectors_are_computed():
    """In another thread: vectors of the old weights do not stay for the new ones."""
    cache, source = VectorCache(8), Source(spread(1, 2))

    def compute(places):
        Source(spread(9)).read(cache, "after")
        return source.compute(places)

    cache.vectors(source.keys, 2, "before", compute, OPS)
    assert len(Source(spread(1, 2)).read(cache, "after")) == 2
    assert len(Source(spread(9)).read(cache, "after")) == 0


def test_latest_key_of_a_slot_stays():
    cache = VectorCache(8)
    one, other = 5 << 56, (5 << 56) + 1
    for keys, asked in [([one], 1), ([other], 1), ([other], 0), ([one], 1), ([one, other], 1)]:
        assert len(Source(keys).read(cache)) == asked


def test_keys_that_look_empty():
    """Zero, all ones, and the keys that mark empty slots are keys like others."""
    for bits in (1, 3, 8):
        ends = [0, 2**64 - 1]
        marks = [~(slot << (64 - bits)) & (2**64 - 1) for slot in range(1 << bits)]
        for keys in (ends, marks):
            cache = VectorCache(bits)
            assert len(Source(keys).read(cache)) == len(set(keys))


def test_no_keys():
    cache = VectorCache(4)
    assert cache.vectors(np.zeros(0, dtype="uint64"), 3, "", Source([]).compute, OPS).shape == (
        0,
        3,
    )


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    batches=st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=20), max_size=6),
    bits=st.integers(1, 3),
    states=st.lists(st.integers(0, 1), min_size=6, max_size=6),
)
def test_few_slots_for_many_keys(batches, bits, states):
    cache = VectorCache(bits)
    for keys, state in zip(batches, states, strict=False):
        Source(keys).read(cache, state)


def test_pickled_without_what_it_holds():
    cache = VectorCache(12)
    Source(spread(1, 2)).read(cache)
    data = pickle.dumps(cache)
    assert len(data) < 200
    copy = pickle.loads(data)
    assert copy.bits == 12
    assert len(Source(spread(1, 2)).read(copy)) == 2


def test_keys_of_rows():
    rng = np.random.default_rng(0)
    features = rng.integers(0, 2**63, size=(500, 3)).astype("uint64")
    keys = feature_keys(features)
    assert len(set(keys.tolist())) == 500
    assert (feature_keys(features[::-1]) == keys[::-1]).all()
    assert not (feature_keys(features[:, ::-1]) == keys).any()  # the order of features counts
    small = np.asarray([[a, b] for a in range(30) for b in range(30)], dtype="uint64")
    assert len(set(feature_keys(small).tolist())) == 900
    top = feature_keys(features[:, :1]) >> np.uint64(56)
    assert len(set(top.tolist())) > 180  # slots are spread: 219 expected of 256


# In the layer, with so many words that they are remembered

for_many = pytest.mark.parametrize("backend", ["array, many", "torch, many"], indirect=True)


def both(cache_bits=16, seed=0):
    stock = MultiHashEmbed(WIDTH, ATTRS, ROWS, False)
    stock.initialize()
    randomize(stock, seed)
    return copy_weights(stock, HashEmbed(WIDTH, ATTRS, ROWS, False, cache_bits=cache_bits)), stock


def assert_same_as_stock(ours, docs):
    """As spaCy's layer with the present weights; twice, so that vectors are remembered."""
    stock = MultiHashEmbed(WIDTH, ATTRS, ROWS, False)
    stock.initialize()
    copy_weights(ours, stock)
    expected = stock.predict(docs)
    for _ in range(2):
        assert_close(ours.predict(docs), expected)
    return expected[0]


@pytest.fixture
def docs(make_doc):
    return [make_doc("the cat sat on the mat"), make_doc(""), make_doc("The cat , 1999")]


@for_many
def test_updates(backend, docs):
    ours, _ = both()
    sgd, seen = SGD(0.1), [assert_same_as_stock(ours, docs)]
    for step in range(3):
        Ys, backprop = ours.begin_update(docs)
        backprop(random_like(Ys, step))
        unchanged = assert_same_as_stock(ours, docs)
        assert (unchanged == seen[-1]).all()
        ours.finish_update(sgd)
        seen.append(assert_same_as_stock(ours, docs))
        assert not np.allclose(seen[-1], seen[-2])


@for_many
def test_averages(backend, docs):
    ours, _ = both()
    before = assert_same_as_stock(ours, docs)
    averages = {
        (node.id, name): node.get_param(name) * 0.9
        for node in ours.walk()
        for name in node.param_names
    }
    for _ in range(2):
        with ours.use_params(averages):
            inside = assert_same_as_stock(ours, docs)
            assert not np.allclose(inside, before)
        assert (assert_same_as_stock(ours, docs) == before).all()


@for_many
def test_other_weights_by_bytes(backend, docs):
    ours, _ = both()
    before = assert_same_as_stock(ours, docs)
    ours.from_bytes(both(seed=1)[0].to_bytes())
    assert not np.allclose(assert_same_as_stock(ours, docs), before)


@for_many
def test_change_of_a_single_value(backend, docs):
    """Of any parameter, in place."""
    ours, _ = both()
    for node in list(ours.walk()):
        for name in node.param_names:
            before = assert_same_as_stock(ours, docs)
            used = np.abs(gradient_of(ours, docs, node, name)).argmax()
            node.get_param(name).flat[used] += 0.5
            assert not np.array_equal(assert_same_as_stock(ours, docs), before), (node.name, name)


def gradient_of(model, docs, node, name):
    """The gradient of a parameter, to tell a value that matters to the first document."""
    Ys, backprop = model.begin_update(docs)
    backprop([random_like([Ys[0]])[0], *(0 * Y for Y in Ys[1:])])
    gradient = node.get_grad(name).copy()
    for each in model.walk():
        for grad in each.grad_names:
            each.set_grad(grad, 0 * each.get_grad(grad))
    return gradient


@for_many
@pytest.mark.parametrize("bits", [0, 1, 2, 16])
def test_many_words_in_few_slots(backend, vocab, bits):
    ours, stock = both(bits)
    rng = np.random.default_rng(0)
    for length in (200, 50, 1, 300):
        doc = Doc(vocab, words=[f"w{i}" for i in rng.integers(0, 250, size=length)])
        assert_close(ours.predict([doc]), stock.predict([doc]))


@for_many
@pytest.mark.parametrize("bits", [3, 12])
def test_threads(backend, vocab, bits):
    ours, stock = both(bits)
    rng = np.random.default_rng(0)
    batches = [
        [Doc(vocab, words=[f"w{i}" for i in rng.integers(0, 90, size=40)])] for _ in range(60)
    ]
    expected = [stock.predict(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ours.predict, batches))
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other)


@for_many
def test_pickled_model_holds_no_vectors(backend, docs):
    ours, _ = both()
    fresh = len(pickle.dumps(ours))
    ours.predict(docs)
    assert len(pickle.dumps(ours)) == fresh < 20000
