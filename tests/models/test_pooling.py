import numpy as np
import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.models.heads import pool_documents
from spacy_mtl.models.packed import Packed
from spacy_mtl.models.pooling import KINDS, pool


@pytest.fixture
def packed(make_doc, pack):
    return pack([make_doc("a b a"), make_doc(""), make_doc("c"), make_doc("a b d e")])


def pooled(kinds, packed):
    model = pool(kinds)
    model.initialize(X=packed)
    return model


def test_mean_and_maximum_as_before(packed):
    model, before = pooled(["mean", "maximum"], packed), pool_documents()
    (found, backprop), (expected, bp_before) = (each(packed, True) for each in (model, before))
    np.testing.assert_array_equal(found, expected)
    d = np.random.default_rng(0).normal(size=found.shape).astype("f")
    np.testing.assert_allclose(backprop(d), bp_before(d), atol=1e-6)


def test_scale(packed):
    (plain, bp_plain), (scaled, bp_scaled) = (
        pool(["mean", "maximum"], scale)(packed, True) for scale in (1.0, 8.0)
    )
    np.testing.assert_allclose(scaled, 8 * plain, rtol=1e-6)
    d = np.random.default_rng(0).normal(size=plain.shape).astype("f")
    np.testing.assert_allclose(bp_scaled(d), 8 * bp_plain(d), rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_each_document_by_itself(kind, packed, pack):
    """Whatever stands beside it; an empty one has zeros."""
    model = pooled([kind], packed)
    together = model.predict(packed)
    assert not together[1].any()
    ends = np.cumsum(packed.lengths)
    for row, (doc, end, n) in enumerate(zip(packed.docs, ends, packed.lengths, strict=True)):
        alone = Packed(packed.X[end - n : end], packed.lengths[row : row + 1], [doc])
        np.testing.assert_allclose(model.predict(alone)[0], together[row], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_but_empty_documents(kind, packed, make_doc, pack):
    model = pooled([kind], packed)
    nothing = pack([make_doc(""), make_doc("")])
    found, backprop = model(nothing, True)
    assert found.shape[0] == 2
    assert not found.any()
    assert backprop(found).shape == nothing.X.shape


def test_attention_picks_what_is_like_its_query(packed):
    model = pooled(["attention"], packed)
    model.layers[0].set_param("Q", 8 * packed.X[1])
    nearest = packed.X[:3][np.argmax(packed.X[:3] @ packed.X[1])]
    np.testing.assert_allclose(model.predict(packed)[0] * 2, nearest, atol=0.1)


def test_convolution_sees_neighbours(packed):
    model = pooled(["convolution"], packed)
    before = model.predict(packed)
    moved = Packed(packed.X[::-1].copy(), packed.lengths, packed.docs)
    assert not np.allclose(model.predict(moved), before)


@pytest.mark.parametrize("kinds", [[], ["median"], ["mean", "median"]])
def test_unknown_kinds(kinds):
    with pytest.raises(MTLError, match="mean, maximum, attention, convolution, got (none|median)"):
        pool(kinds)
