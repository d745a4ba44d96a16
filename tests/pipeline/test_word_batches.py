"""Prediction by batches of words, against spaCy's `TrainablePipe.pipe`."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from thinc.api import Model

from spacy_mtl.pipeline import word_batches as module
from spacy_mtl.pipeline.word_batches import WordBatchedPipe, word_batches


class Marks(TrainablePipe):
    """Writes each document's place in its batch, and fails where a batch has the word "bad"."""

    def __init__(self, vocab):
        self.vocab = vocab
        self.model = Model("none", lambda model, X, is_train: (X, None))
        self.name = "marks"
        self.cfg = {}
        self.batches = []

    def predict(self, docs):
        self.batches.append([doc.text for doc in docs])
        if any(token.text == "bad" for doc in docs for token in doc):
            raise ValueError("a bad word")
        return range(len(docs))

    def set_annotations(self, docs, scores):
        for doc, place in zip(docs, scores, strict=True):
            doc.user_data["place"] = place


class MarksByWords(WordBatchedPipe, Marks):
    pass


@pytest.fixture
def docs(make_doc):
    return [make_doc(words) for words in ["a b", "", "c", "bad d", "e", "", "f g h", "i"]]


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    lengths=st.lists(st.integers(0, 9), max_size=20),
    n_docs=st.integers(1, 6),
    n_words=st.integers(1, 20),
)
def test_batches(vocab, lengths, n_docs, n_words):
    """All documents in order, in batches that are complete but for the last, and not before."""
    docs = [Doc(vocab, words=["w"] * length) for length in lengths]
    batches = list(word_batches(iter(docs), n_docs, n_words))
    assert [doc for batch in batches for doc in batch] == docs
    for batch in batches:
        words = sum(map(len, batch))
        assert 1 <= len(batch) <= n_docs
        assert words - len(batch[-1]) < n_words
        assert batch is batches[-1] or len(batch) == n_docs or words >= n_words


def test_stream_is_read_as_needed(make_doc):
    read = []

    def stream():
        while True:  # without an end
            read.append(1)
            yield make_doc("a b c")

    batches = word_batches(stream(), 100, 10)
    assert read == []
    assert len(next(batches)) == len(read) == 4
    read.clear()
    docs = MarksByWords(None).pipe(stream(), batch_size=3)
    needed = []
    for _ in range(4):
        next(docs)
        needed.append(len(read))
    assert needed == [3, 3, 3, 6]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 128])
def test_same_as_stock(docs, batch_size):
    """The same documents, the same errors with the same documents, in the same order."""
    found = []
    for kind in (Marks, MarksByWords):
        pipe, errors = kind(docs[0].vocab), []
        pipe.set_error_handler(lambda *args, errors=errors: errors.append(args))
        passed = list(pipe.pipe(iter(docs), batch_size=batch_size))
        assert all(name == "marks" and proc is pipe for name, proc, _, _ in errors)
        handled = [(failed, str(error)) for _, _, failed, error in errors]
        places = [doc.user_data.pop("place") for doc in passed]
        found.append((passed, handled, places, pipe.batches))
    assert found[0] == found[1]
    passed, handled, _, _ = found[0]
    ((failed, message),) = handled
    assert docs[3] in failed and message == "a bad word"
    assert len(passed) == len(docs) - len(failed)


def test_batch_of_many_words_fails_alone(docs, monkeypatch):
    few = partial(word_batches, n_words=3)
    monkeypatch.setattr(module, "word_batches", few)
    pipe, errors = MarksByWords(docs[0].vocab), []
    pipe.set_error_handler(lambda name, proc, failed, error: errors.append(failed))
    assert list(pipe.pipe(docs, batch_size=4)) == docs[:3] + docs[5:]
    assert errors == [docs[3:5]]
    assert [len(batch) for batch in pipe.batches] == [3, 2, 2, 1]


def test_error_without_a_handler(docs):
    passed = MarksByWords(docs[0].vocab).pipe(docs, batch_size=2)
    assert [next(passed), next(passed)] == docs[:2]
    with pytest.raises(ValueError, match="a bad word"):
        next(passed)


@pytest.mark.parametrize("factory", ["multitask", "balanced_tok2vec"])
def test_both_components_go_by_words(factory):
    from spacy_mtl.pipeline.balanced_tok2vec import BalancedTok2Vec
    from spacy_mtl.pipeline.component import MultiTask

    kind = {"multitask": MultiTask, "balanced_tok2vec": BalancedTok2Vec}[factory]
    assert kind.pipe is WordBatchedPipe.pipe
