"""The reader that keeps the files' own tokens."""

from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.util import load_model_from_config, registry

from spacy_mtl.corpora.readers import create_gold_token_corpus, gold_token_examples
from spacy_mtl.errors import MTLError

WORDS = ["New York", "is", "n't", "far", "."]
SPACES = [True, False, True, False, False]


@pytest.fixture
def corpus(tmp_path, nlp):
    """Three documents on tokens that no tokenizer would make, the last in two sentences."""
    docs = [
        Doc(nlp.vocab, words=WORDS, spaces=SPACES, tags=list("NVRJ.")),
        Doc(nlp.vocab, words=["ca", "n't"], spaces=[False, False], ents=["O", "B-X"]),
        Doc(nlp.vocab, words=list("abcd"), sent_starts=[True, False, True, False]),
    ]
    docs[0].cats = {"x": 1.0}
    path = tmp_path / "corpus.spacy"
    DocBin(
        attrs=["TAG", "ENT_IOB", "ENT_TYPE", "SENT_START"], docs=docs, store_user_data=True
    ).to_disk(path)
    return path


def test_both_sides_have_the_files_tokens(nlp, corpus):
    examples = list(create_gold_token_corpus(corpus)(nlp))
    assert [token.text for token in examples[0].predicted] == WORDS
    assert [token.text for token in examples[1].predicted] == ["ca", "n't"]
    for example in examples:
        assert example.predicted.text == example.reference.text
        assert len(example.predicted) == len(example.reference)
    assert examples[0].predicted.text == "New York isn't far."


def test_stock_spacy_would_tokenize_again(nlp, corpus):
    (first, *_) = spacy.training.Corpus(corpus)(nlp)
    assert [token.text for token in first.predicted] != WORDS


def test_the_predicted_side_has_tokens_alone(nlp, corpus):
    examples = list(create_gold_token_corpus(corpus)(nlp))
    for example in examples:
        assert not example.predicted.cats
        for attr in ("TAG", "ENT_IOB", "SENT_START"):
            assert not example.predicted.has_annotation(attr)
    assert examples[0].reference.cats == {"x": 1.0}
    assert [token.tag_ for token in examples[0].reference] == list("NVRJ.")
    assert [ent.label_ for ent in examples[1].reference.ents] == ["X"]


def test_the_vocabulary_is_the_pipelines(corpus):
    nlp = spacy.blank("en")
    for example in create_gold_token_corpus(corpus)(nlp):
        assert example.predicted.vocab is example.reference.vocab is nlp.vocab


def test_limits(nlp, corpus):
    assert len(list(create_gold_token_corpus(corpus, limit=2)(nlp))) == 2
    short = list(create_gold_token_corpus(corpus, max_length=3)(nlp))
    assert [example.predicted.text.split() for example in short] == [
        ["can't"],
        ["a", "b"],
        ["c", "d"],
    ]


def test_a_folder(nlp, corpus):
    DocBin().to_disk(corpus.parent / "empty.spacy")
    assert len(list(create_gold_token_corpus(corpus.parent)(nlp))) == 3


def test_no_path_is_refused():
    with pytest.raises(MTLError, match=r"\.spacy file or a folder .* got null"):
        create_gold_token_corpus(None)


def test_from_the_registry(nlp, corpus):
    block = {"@readers": "spacy_mtl.GoldTokenCorpus.v1", "path": str(corpus)}
    reader: Any = registry.resolve({"corpus": block})["corpus"]
    assert len(list(reader(nlp))) == 3


def test_as_a_corpus_of_a_config(nlp, corpus):
    config: Any = nlp.config.copy()
    block = {"@readers": "spacy_mtl.GoldTokenCorpus.v1", "path": str(corpus)}
    config["corpora"] = {"train": block, "dev": block}
    loaded = load_model_from_config(config, auto_fill=True)
    resolved = registry.resolve(loaded.config.interpolate()["corpora"])
    assert len(list(resolved["train"](nlp))) == 3


def test_examples_of_one_file(nlp, corpus):
    examples = list(gold_token_examples(corpus, nlp))
    assert [len(example.predicted) for example in examples] == [5, 2, 4]
    assert [token.text for token in examples[0].predicted] == WORDS
