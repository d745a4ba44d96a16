"""A batch under stock components, and its identity against spaCy's."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.tokens import Doc
from thinc.api import NumpyOps

from spacy_mtl.errors import MTLError
from spacy_mtl.pipeline.encoded_batch import EncodedBatch, batch_id


@settings(derandomize=True, deadline=None, max_examples=60)
@given(texts=st.lists(st.lists(st.text("abc äß😀", min_size=1), max_size=6), max_size=6))
def test_identity_is_that_of_the_listeners(vocab, texts):
    docs = [Doc(vocab, words=words) for words in texts]
    assert batch_id(docs) == Tok2VecListener.get_batch_id(docs)


def test_large_sums(vocab):
    """Beyond 64 bits, where arrays would begin anew at zero."""
    docs = [Doc(vocab, words=[f"w{i}" for i in range(500)]) for _ in range(3)]
    assert batch_id(docs) == Tok2VecListener.get_batch_id(docs) > 2**70
    highest = max(vocab, key=lambda lexeme: lexeme.orth).text
    same = [Doc(vocab, words=[highest] * 1000)]
    assert batch_id(same) == Tok2VecListener.get_batch_id(same) == 1000 * vocab[highest].orth


def test_identity_of_nothing(make_doc):
    assert batch_id([]) == batch_id([make_doc("")]) == 0
    assert batch_id(iter([make_doc("a")])) == make_doc("a")[0].orth


@pytest.fixture
def losses():
    return {"tagger": 2.0}


@pytest.fixture
def batch(losses):
    """Of two documents and an empty one; its gradient goes to `batch.passed`."""
    passed = []
    vectors = [np.ones((n, 2), dtype="f") for n in (2, 0, 1)]
    batch = EncodedBatch("tok2vec", NumpyOps(), vectors, passed.append, losses, None)
    batch.passed = passed
    return batch


def like(batch, value):
    return [np.full((n, 2), value, dtype="f") for n in batch.lengths]


def test_gradients_by_component(batch, losses):
    assert batch.X.shape == (3, 2) and batch.lengths == [2, 0, 1]
    assert batch.add("tagger", like(batch, 1.0)) == []
    batch.add("tagger", like(batch, 2.0))  # of another listener
    batch.add("ner", like(batch, -1.0))
    batch.add("parser", like(batch, 0.0))
    assert losses["tok2vec"] == 6 * (1 + 4 + 1)
    taken = batch.take()
    assert {name: dX.tolist() for name, dX in taken.items()} == {
        "tagger": [[3.0, 3.0]] * 3,
        "ner": [[-1.0, -1.0]] * 3,
    }
    assert batch.take() == {}


def test_backward_by_documents(batch):
    batch.backward(np.arange(6, dtype="f").reshape(3, 2))
    (parts,) = batch.passed
    assert [part.tolist() for part in parts] == [[[0, 1], [2, 3]], [], [[4, 5]]]


def test_losses_that_were_added(batch, losses):
    losses["tagger"] += 0.5
    losses["ner"] = 3.0
    seen = batch.losses_of(["tagger", "ner"], set())
    assert dict(seen) == {"tagger": 0.5, "ner": 3.0} and len(seen) == 2
    assert batch.losses_of(["tagger"], {"tagger"})["tagger"] == 2.5  # a mean, not a sum
    with pytest.raises(KeyError):
        seen["parser"]


@pytest.mark.parametrize("loss", [None, 1.0])
def test_losses_that_cannot_be_seen(batch, losses, loss):
    seen = batch.losses_of(["tagger", "ner"], set())
    losses.update({} if loss is None else {"tagger": loss})
    with pytest.raises(MTLError, match="zero or more.*got (None|-1.0)"):
        seen["ner" if loss is None else "tagger"]


def test_pickled_without_its_arrays(batch):
    batch.add("tagger", like(batch, 1.0))
    copy = pickle.loads(pickle.dumps(batch))
    assert copy.name == "tok2vec" and copy.X.size == 0 and copy.take() == {}
