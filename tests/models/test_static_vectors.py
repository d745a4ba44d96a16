"""Encoders that look up word vectors, with and without any in the vocabulary."""

from copy import deepcopy
from typing import Any

import numpy
import pytest
import spacy
from pipeline.helpers import ENCODER, LISTENER, TASKS, make_examples
from spacy.language import Language
from spacy.vectors import Vectors

from spacy_mtl.errors import MTLError

CNN = {**ENCODER, "pretrained_vectors": True}
LAYERS = {
    "@architectures": "spacy.Tok2Vec.v2",
    "embed": {
        "@architectures": "spacy_mtl.HashEmbed.v1",
        "width": 16,
        "attrs": ["NORM"],
        "rows": [50],
        "include_static_vectors": True,
    },
    "encode": {
        "@architectures": "spacy_mtl.WindowEncoder.v1",
        "width": 16,
        "depth": 1,
        "window_size": 1,
        "maxout_pieces": 2,
    },
}
# Of spaCy's own encoder in spaCy's own component the message is spaCy's.
PLACES = [
    (None, CNN),
    (None, LAYERS),
    ("balanced_tok2vec", CNN),
    ("balanced_tok2vec", LAYERS),
    ("tok2vec", LAYERS),
]


def make(factory: str | None, encoder: Any, width: int = 0) -> Language:
    """A pipeline, with word vectors of this width if it is above 0."""
    nlp = spacy.blank("en")
    if width:
        nlp.vocab.set_vector("Ana", numpy.ones(width, dtype="f"))
    encoder = deepcopy(encoder)
    if factory:
        nlp.add_pipe(factory, name="tok2vec", config={"model": encoder})
        encoder = LISTENER
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": encoder}
    nlp.add_pipe("multitask", config={"model": model, "tasks": {"tagger": TASKS["tagger"]}})
    return nlp


@pytest.mark.parametrize(("factory", "encoder"), PLACES)
def test_absent_at_the_beginning(factory, encoder):
    nlp = make(factory, encoder)
    with pytest.raises(MTLError, match="got none. To train, set `vectors`"):
        nlp.initialize(lambda: make_examples(nlp))


@pytest.mark.parametrize(("factory", "encoder"), PLACES)
def test_absent_later(factory, encoder):
    nlp = make(factory, encoder, 5)
    optimizer = nlp.initialize(lambda: make_examples(nlp))
    nlp.update(make_examples(nlp), sgd=optimizer)
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings)
    with pytest.raises(MTLError, match="A trained pipeline needs those"):
        nlp("Ana loves Bob")
    with pytest.raises(MTLError, match="got none"):
        nlp.update(make_examples(nlp))
    nlp.vocab.set_vector("Ana", numpy.ones(3, dtype="f"))
    with pytest.raises(MTLError, match="vectors of 3 numbers in place of 5"):
        nlp("Ana loves Bob")
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings)
    nlp.vocab.set_vector("Bob", numpy.ones(5, dtype="f"))
    assert all(token.tag_ for token in nlp("Ana loves Bob"))


def test_a_table_without_words_is_none():
    """spaCy would look up zeros."""
    nlp = make(None, LAYERS)
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, shape=(4, 5))
    with pytest.raises(MTLError, match="got none"):
        nlp.initialize(lambda: make_examples(nlp))


def test_other_errors_stay_as_they_are(monkeypatch):
    nlp = make(None, LAYERS, 5)
    nlp.initialize(lambda: make_examples(nlp))
    component: Any = nlp.get_pipe("multitask")

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise IndexError("of another kind")

    encoder = component.model.get_ref("tok2vec")
    monkeypatch.setattr(encoder, "_func", fail)
    with pytest.raises(IndexError, match="of another kind"):
        component.predict([nlp.make_doc("Ana")])
