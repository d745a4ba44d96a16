import numpy as np
import pytest

from spacy_mtl.models.class_head import ClassHead, fixed_dropout, term_scores
from spacy_mtl.models.heads import set_outputs
from spacy_mtl.models.ngrams import NgramLinear

N_CLASSES = 3


@pytest.fixture
def packed(make_doc, pack):
    return pack([make_doc("a b a"), make_doc(""), make_doc("c d")])


def make_head(packed, ngram_share=0.7, **settings):
    ngrams = NgramLinear(1, 32, "ORTH")
    head = ClassHead(pooling=["mean"], ngrams=ngrams, ngram_share=ngram_share, **settings)
    set_outputs(head, N_CLASSES)
    head.initialize(X=packed)
    rng = np.random.default_rng(0)
    for node in (head.get_ref("output"), head.get_ref("sparse")):
        node.set_param("W", rng.normal(size=node.get_param("W").shape).astype("f"))
    return head


def gradients(head):
    return [head.get_ref(name).get_grad("W").copy() for name in ("output", "sparse")]


def test_scores_are_the_mean_of_the_terms(packed):
    head = make_head(packed)
    scores, _ = head(packed, True)
    dense, sparse = term_scores(packed, scores)
    np.testing.assert_allclose(scores, 0.3 * dense + 0.7 * sparse, atol=1e-6)
    np.testing.assert_allclose(sparse, head.get_ref("sparse").predict(packed), atol=1e-6)
    np.testing.assert_allclose(head.predict(packed), scores, atol=1e-6)


def test_scores_are_the_sum_of_terms_with_one_loss(packed):
    head, halves = make_head(packed, ngram_share=None), make_head(packed, ngram_share=0.5)
    scores, _ = head(packed, True)
    assert term_scores(packed, scores) == [scores]
    np.testing.assert_allclose(scores, 2 * halves.predict(packed), atol=1e-6)


def test_prediction_notes_no_terms(packed):
    scores = make_head(packed).predict(packed)
    assert term_scores(packed, scores) == [scores]


def test_each_term_gets_its_gradient(packed):
    head = make_head(packed)
    d = np.random.default_rng(1).normal(size=(2, 3, N_CLASSES)).astype("f")
    dX = head(packed, True)[1](d)
    dense, sparse = gradients(head)
    other = make_head(packed)
    terms = [layer(packed, True) for layer in other.layers]
    expected = terms[0][1](d[0])
    terms[1][1](d[1])
    np.testing.assert_allclose(dX, expected, atol=1e-6)
    for found, alone in zip((dense, sparse), gradients(other), strict=True):
        np.testing.assert_allclose(found, alone, atol=1e-6)


def test_encoder_gradient(packed):
    d = np.ones((3, N_CLASSES), "f")
    whole, half, none = (
        make_head(packed, encoder_gradient=factor)(packed, True)[1](d) for factor in (1.0, 0.5, 0.0)
    )
    np.testing.assert_allclose(half, whole / 2, atol=1e-6)
    assert whole.any()
    assert not none.any()


def test_dropout_of_its_own():
    X = np.ones((4, 50), "f")
    layer = fixed_dropout(0.5)
    Y, backprop = layer(X, True)
    assert set(np.unique(Y)) == {0.0, 2.0}
    np.testing.assert_array_equal(backprop(X), Y)
    np.testing.assert_array_equal(layer.predict(X), X)
