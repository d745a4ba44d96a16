"""Configs whose augmenter may turn missing annotation into none."""

import warnings
from typing import Any

import pytest
from spacy.util import load_model_from_config

from spacy_mtl.pipeline.augmenters import warn_if_augmented

from .helpers import make_examples, make_nlp

LOWER = {"@augmenters": "spacy.lower_case.v1", "level": 0.5}
STOCK = {"@readers": "spacy.Corpus.v1", "path": "x.spacy", "gold_preproc": False}
AUGMENTED = {**STOCK, "augmenter": LOWER}
MIXED = {"@readers": "spacy_mtl.MixedCorpus.v1", "corpora": {"some": STOCK}}
SUBSET = {"@readers": "spacy_mtl.Subset.v1", "reader": AUGMENTED}
CUSTOM = {"@readers": "theirs.v1", "inner": {"augment": LOWER}}


def messages(train: dict[str, Any], dev: dict[str, Any] = STOCK) -> list[str]:
    nlp = make_nlp(["tagger"])
    nlp.config["corpora"] = {"train": train, "dev": dev}
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        warn_if_augmented(nlp)
    return [str(each.message) for each in found]


@pytest.mark.parametrize(
    ("train", "place"),
    [
        (AUGMENTED, "'spacy.Corpus.v1' in [corpora.train]"),
        (CUSTOM, "'theirs.v1' in [corpora.train]"),
        ({**MIXED, "corpora": {"odd": CUSTOM}}, "'theirs.v1' in [corpora.train.corpora.odd]"),
    ],
)
def test_readers_of_others_are_warned_of(train, place):
    (message,) = messages(train)
    assert message.startswith(f"The reader {place} has an augmenter.")
    assert "'spacy_mtl.MixedCorpus.v1' instead, as its setting `augmenter`" in message


def test_the_dev_corpus_too():
    assert "[corpora.dev]" in messages(STOCK, AUGMENTED)[0]


@pytest.mark.parametrize(
    "train",
    [
        STOCK,
        {**AUGMENTED, "@readers": "spacy_mtl.GoldTokenCorpus.v1"},
        {**MIXED, "augmenter": LOWER},
        {**MIXED, "corpora": {"a": AUGMENTED, "b": SUBSET}},
        SUBSET,
        {"@readers": "theirs.v1"},
    ],
)
def test_our_readers_see_to_it(train):
    assert messages(train) == []


def test_initialize_warns():
    nlp = make_nlp(["tagger"])
    nlp.config["corpora"]["train"].update(augmenter=LOWER)
    nlp = load_model_from_config(nlp.config, auto_fill=True)
    with pytest.warns(UserWarning, match="spacy.Corpus.v1' in .corpora.train. has an augmenter"):
        nlp.initialize(lambda: make_examples(nlp))
