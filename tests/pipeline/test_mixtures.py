"""Corpora that a topology names are those of the config's mixture."""

import pytest
from spacy.language import Language

from spacy_mtl.errors import MTLError

from .helpers import make_examples
from .test_topologies import make

STOCK = {"@readers": "spacy.Corpus.v1", "path": "x.spacy"}


def initialized(*corpora: str) -> Language:
    """A pipeline whose topology has spaces of the corpora "one" and "other"."""
    nlp = make("adversarial")
    mixed = {"@readers": "spacy_mtl.MixedCorpus.v1", "corpora": dict.fromkeys(corpora, STOCK)}
    nlp.config["corpora"] = {"train": mixed if corpora else STOCK, "dev": STOCK}
    nlp.initialize(lambda: make_examples(nlp))
    return nlp


def test_a_corpus_that_nobody_mixes() -> None:
    with pytest.raises(MTLError, match=r"that are mixed \(one, odder\), got other\. Correct"):
        initialized("one", "odder")


@pytest.mark.parametrize("corpora", [("one", "third", "other"), ()])
def test_others_may_be_mixed_and_marks_come_from_elsewhere(corpora: tuple[str, ...]) -> None:
    assert initialized(*corpora).pipe_names == ["multitask"]
