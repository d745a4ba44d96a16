import pickle

import numpy as np
import pytest
from spacy.pipeline.spancat import build_ngram_suggester
from thinc.api import Adam, set_dropout_rate

from spacy_mtl.models.class_head import ClassHead
from spacy_mtl.models.heads import DocumentHead, TokenHead, resize, set_outputs
from spacy_mtl.models.ngrams import NgramLinear
from spacy_mtl.models.packed import Packed, row_starts
from spacy_mtl.models.pooling import KINDS
from spacy_mtl.models.span_head import SpanHead

N_OUTPUTS = 3
NGRAMS = build_ngram_suggester([1, 2])
HEADS = {
    "linear": lambda: TokenHead(),
    "spans": lambda: SpanHead(NGRAMS),
    "spans, hidden": lambda: SpanHead(NGRAMS, 5),
    "hidden": lambda: TokenHead(5),
    "document": lambda: DocumentHead(2, 32, "ORTH"),
    "classes": lambda: ClassHead(pooling=tuple(KINDS), ngrams=NgramLinear(2, 32, "NORM")),
    "classes, separate": lambda: ClassHead(
        pooling=["mean"],
        ngrams=NgramLinear(1, 32, "NORM", char_sizes=(1, 2), gain=2.0),
        ngram_share=0.5,
    ),
    "classes, hidden": lambda: ClassHead(pooling=["mean"], hidden_width=5),
}
N_UNITS = {"linear": 8, "hidden": 8, "spans": 13, "spans, hidden": 13}  # others: documents


@pytest.fixture
def docs(make_doc):
    return [make_doc("a b a"), make_doc(""), make_doc("c"), make_doc("a b d e")]


@pytest.fixture(params=HEADS)
def make_head(request, docs, pack):
    """Makes an initialized head whose parameters are not zero."""

    def make_head(n=N_OUTPUTS, seed=0):
        head = HEADS[request.param]()
        set_outputs(head, n)
        head.initialize(X=pack(docs))
        rng = np.random.default_rng(seed)
        for node in head.walk():
            for name in node.param_names:
                shape = node.get_param(name).shape
                node.set_param(name, rng.normal(size=shape).astype("f"))
        return head

    make_head.n_units = N_UNITS.get(request.param, len(docs))
    return make_head


def walk_shape(head):
    return [(node.name, len(node.layers)) for node in head.walk()]


def test_scores_start_at_zero(make_head, docs, pack):
    head = make_head()
    assert head.predict(pack(docs)).any()
    head.initialize(X=pack(docs))
    assert not head.predict(pack(docs)).any()


def test_gradient_of_the_vectors(make_head, docs, pack, numeric_gradient):
    head, packed = make_head(), pack(docs)
    scores, backprop = head(packed, True)
    assert scores.shape == (make_head.n_units, N_OUTPUTS)
    direction = np.random.default_rng(1).normal(size=scores.shape).astype("f")

    def loss() -> float:
        anew = Packed(packed.X, packed.lengths, packed.docs)  # its notes would be of the old X
        return float((head.predict(anew) * direction).sum())

    numeric = numeric_gradient(loss, packed.X, eps=1e-3)
    np.testing.assert_allclose(backprop(direction), numeric, atol=2e-2, rtol=1e-2)


def test_gradient_of_the_parameters(make_head, docs, pack, numeric_gradient):
    head, packed = make_head(), pack(docs)
    scores, backprop = head(packed, True)
    direction = np.random.default_rng(1).normal(size=scores.shape).astype("f")
    backprop(direction)
    seen = 0
    for node in head.walk():
        for name in node.param_names:
            numeric = numeric_gradient(
                lambda: float((head.predict(packed) * direction).sum()),
                node.get_param(name),
                eps=1e-3,
            )
            np.testing.assert_allclose(node.get_grad(name), numeric, atol=3e-2, rtol=2e-2)
            seen += 1
    assert seen >= 2


def test_empty_documents_change_nothing(make_head, docs, pack):
    """What the others get does not depend on the empty document among them."""
    head, packed = make_head(), pack(docs)
    full = pack([doc for doc in docs if len(doc)])
    np.testing.assert_array_equal(packed.X, full.X)
    scores, others = head.predict(packed), head.predict(full)
    if len(scores) == len(docs):
        np.testing.assert_allclose(scores[1], head.predict(pack(docs[1:2]))[0], rtol=1e-6)
        scores = scores[[0, 2, 3]]
    np.testing.assert_allclose(scores, others, atol=1e-6)


@pytest.mark.parametrize("n_docs", [0, 1, 3])
def test_all_documents_empty(make_head, n_docs, make_doc, pack):
    head = make_head()
    scores, backprop = head(pack([make_doc("")] * n_docs), True)
    if make_head.n_units > 4:
        assert scores.shape == (0, N_OUTPUTS)
    else:
        assert scores.shape == (n_docs, N_OUTPUTS)
        assert backprop(np.ones_like(scores)).shape == (0, 4)


def test_documents_are_scored_by_themselves(make_head, docs, pack):
    head, packed = make_head(), pack(docs)
    together = head.predict(packed)
    apart = []
    for begin, length, doc in zip(row_starts(packed.lengths), packed.lengths, docs, strict=True):
        alone = pack([doc])
        alone.X[:] = packed.X[begin : begin + length]
        apart.append(head.predict(alone))
    np.testing.assert_allclose(together, np.concatenate(apart), atol=1e-5)


def test_nodes_stay_the_same(make_head, docs, pack):
    """Saved parameters find their place by the order of the nodes."""
    head = make_head()
    before = walk_shape(head)
    scores, backprop = head(pack(docs), True)
    backprop(scores)
    assert walk_shape(head) == before
    resize(head, list("abc"), list("abcd"))
    assert walk_shape(head) == before


def test_resized_head_keeps_the_scores_of_old_columns(make_head, docs, pack):
    head, packed = make_head(), pack(docs)
    before = head.predict(packed)
    resize(head, ["a", "b", "c"], ["b", "new", "c", "a", "other"])
    after = head.predict(packed)
    np.testing.assert_allclose(after[:, [3, 0, 2]], before, atol=1e-6)
    assert not after[:, [1, 4]].any()


def test_resized_head_learns_with_the_same_optimizer(make_head, docs, pack):
    """Gradients, moments and averages of the old shape must not meet the new one."""
    head, packed, sgd = make_head(), pack(docs), Adam(0.01, use_averages=True)
    for n in (N_OUTPUTS, N_OUTPUTS + 2):
        for _ in range(2):
            scores, backprop = head(packed, True)
            assert scores.shape[1] == n
            backprop(np.ones_like(scores))
            before = head.get_ref("output").get_param("W").copy()
            head.finish_update(sgd)
            assert (head.get_ref("output").get_param("W") != before).all()
        if n == N_OUTPUTS:
            scores, backprop = head(packed, True)
            backprop(np.ones_like(scores))  # still pending when the head grows
            resize(head, list("abc"), list("abcde"))
    with head.use_params(sgd.averages):
        assert head.predict(packed).shape[1] == N_OUTPUTS + 2


@pytest.mark.parametrize("resized", [False, True])
def test_bytes_round_trip(make_head, resized, docs, pack):
    head, packed = make_head(), pack(docs)
    n = N_OUTPUTS
    if resized:
        resize(head, list("abc"), list("abcd"))
        n += 1
    expected = head.predict(packed)
    data = head.to_bytes()
    loaded = make_head(n, seed=5).from_bytes(data)  # over another one of the same size
    np.testing.assert_array_equal(loaded.predict(packed), expected)
    assert loaded.to_bytes() == data


@pytest.mark.parametrize("kind", HEADS)
def test_bytes_set_the_dimensions_of_a_new_head(kind, docs, pack):
    packed, head = pack(docs), HEADS[kind]()
    set_outputs(head, 2)
    head.initialize(X=packed)
    head.get_ref("output").set_param("b", np.asarray([1.0, 2.0], dtype="f"))
    loaded = HEADS[kind]().from_bytes(head.to_bytes())
    np.testing.assert_array_equal(loaded.predict(packed), head.predict(packed))
    wrong = HEADS[kind]()
    set_outputs(wrong, 5)
    wrong.initialize(X=packed)
    with pytest.raises(ValueError, match="nO"):
        wrong.from_bytes(head.to_bytes())


def test_pickled_head_scores_the_same(make_head, docs, pack):
    head, packed = make_head(), pack(docs)
    copy = pickle.loads(pickle.dumps(head))
    np.testing.assert_array_equal(copy.predict(packed), head.predict(packed))


def test_dropout_is_for_training_only(docs, pack):
    head, packed = DocumentHead(1, 8, "ORTH"), pack(docs)
    set_outputs(head, 2)
    head.initialize(X=packed)
    head.get_ref("output").set_param("W", np.ones((2, 8), dtype="f"))
    expected = head.predict(packed)
    set_dropout_rate(head, 0.5)
    np.testing.assert_array_equal(head.predict(packed), expected)
    assert not np.allclose(head(packed, True)[0], expected)
