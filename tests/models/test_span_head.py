import numpy as np
import pytest
from spacy.pipeline.spancat import build_ngram_range_suggester
from thinc.api import NumpyOps
from thinc.types import Ragged

from spacy_mtl.models import span_head
from spacy_mtl.models.candidates import candidates_of
from spacy_mtl.models.heads import set_outputs
from spacy_mtl.models.span_head import SpanHead

OPS = NumpyOps()
TEXTS = ["a b c d e", "", "f", "g h"]


def random_head(packed, suggester, hidden_width=0, offset=0.0):
    head = SpanHead(suggester, hidden_width, offset)
    set_outputs(head, 3)
    head.initialize(X=packed)
    rng = np.random.default_rng(1)
    for node in head.walk():
        for name in node.param_names:
            node.set_param(name, rng.normal(size=node.get_param(name).shape).astype("f"))
    return head


def represented(packed, candidates):
    """(n_candidates, 3 * width) first, last and mean, one candidate after the other."""
    X = packed.X.astype("float64")
    pairs = zip(candidates.starts, candidates.ends, strict=True)
    return np.stack([np.concatenate([X[s], X[e - 1], X[s:e].mean(axis=0)]) for s, e in pairs])


@pytest.mark.parametrize("cells", [1, 12, 10_000])
def test_scores_are_linear_in_ends_and_mean(cells, make_doc, pack, monkeypatch):
    monkeypatch.setattr(span_head, "CELLS", cells)
    suggester = build_ngram_range_suggester(1, 4)
    packed = pack([make_doc(text) for text in TEXTS])
    head = random_head(packed, suggester, offset=-2.0)
    rows = represented(packed, candidates_of(packed, suggester))
    W = head.get_ref("output").get_param("W")  # (3, nO, nI)
    expected = rows @ W.swapaxes(0, 1).reshape(3, -1).T + head.get_ref("output").get_param("b") - 2
    np.testing.assert_allclose(head.predict(packed), expected, atol=1e-5)
    np.testing.assert_allclose(head(packed, True)[0], expected, atol=1e-5)


@pytest.mark.parametrize("cells", [1, 12, 10_000])
def test_hidden_layer_in_parts(cells, make_doc, pack, monkeypatch):
    packed = pack([make_doc(text) for text in TEXTS])
    head = random_head(packed, build_ngram_range_suggester(1, 4), 5, offset=-2.0)
    expected, _ = head(packed, True)
    monkeypatch.setattr(span_head, "CELLS", cells)
    np.testing.assert_allclose(head.predict(packed), expected, atol=1e-5)


def test_means_are_exact_at_the_end_of_a_large_batch(make_doc, pack):
    """In float32, running sums over many tokens would be off by far more."""
    doc = make_doc("a " * 20_000)
    packed = pack([doc])
    packed.X[:] += 10.0

    def last_ones(docs, *, ops):
        return Ragged(ops.asarray([[19_990, 20_000], [19_999, 20_000]]), ops.asarray1i([2]))

    head = random_head(packed, last_ones)
    rows = represented(packed, candidates_of(packed, last_ones))
    W = head.get_ref("output").get_param("W").swapaxes(0, 1).reshape(3, -1)
    expected = rows @ W.T + head.get_ref("output").get_param("b")
    np.testing.assert_allclose(head.predict(packed), expected, atol=5e-5)


def test_gradient_of_candidates_in_any_order(make_doc, pack, numeric_gradient):
    """Candidates that stand twice, and tokens that are in none; of a document without a gradient
    they have none, exactly."""
    spans = [[1, 3], [0, 1], [1, 3], [2, 3], [0, 2], [0, 1]]

    def some(docs, *, ops):
        return Ragged(ops.asarray(spans), ops.asarray1i([4, 1, 1]))

    packed = pack([make_doc("a b c d"), make_doc("e f g"), make_doc("h i")])
    head = random_head(packed, some)
    scores, backprop = head(packed, True)
    direction = np.random.default_rng(2).normal(size=scores.shape).astype("f")
    direction[5] = 0.0
    dX = backprop(direction)
    numeric = numeric_gradient(
        lambda: float((head.predict(packed) * direction).sum()), packed.X, eps=1e-2
    )
    np.testing.assert_allclose(dX, numeric, atol=2e-2, rtol=1e-2)
    assert np.abs(dX[[3, 6]]).max() < 1e-5
    assert dX[:3].all() and not dX[7:].any()


def test_initialization_needs_no_candidates(make_doc, pack):
    """The documents of that time may lack what the suggester looks at."""

    def none(docs, *, ops):
        raise KeyError("x")

    head = SpanHead(none, 4)
    set_outputs(head, 2)
    head.initialize(X=pack([make_doc("a b")]))
    assert head.layers[0].get_param("W").shape == (3, 4, 4)
