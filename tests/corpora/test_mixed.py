"""Several corpora as one, each with its mark and the layers that it vouches for."""

import warnings
from typing import Any

import pytest
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import registry

from spacy_mtl.corpora import present_layers
from spacy_mtl.corpora.mixed import MixedCorpus, create_mixed_corpus
from spacy_mtl.errors import MTLError
from spacy_mtl.marks import corpus_of


def reader_of(*texts: str) -> Any:
    """A reader of documents with tags, entities and classes."""

    def read(nlp: Language) -> Any:
        for text in texts:
            words = text.split()
            doc = Doc(nlp.vocab, words=words, tags=["T"] * len(words), ents=["O"] * len(words))
            doc.cats = {"c": 1.0}
            yield Example(nlp.make_doc(text), doc)

    return read


def read(corpus: MixedCorpus, nlp: Language) -> list[Example]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(corpus(nlp))


def test_examples_bear_the_name_of_their_corpus_and_their_place(nlp):
    corpus = create_mixed_corpus({"news": reader_of("a b", "c"), "blog": reader_of("d")})
    examples = read(corpus, nlp)
    assert [example.reference.text.strip() for example in examples] == ["a b", "c", "d"]
    assert [corpus_of(example) for example in examples] == [("news", 0), ("news", 1), ("blog", 0)]


def test_other_examples_have_no_corpus(nlp):
    (example,) = reader_of("a")(nlp)
    with pytest.raises(MTLError, match="without the mark of its corpus.*corpora.train"):
        corpus_of(example)


def test_the_mark_survives_a_file(nlp, tmp_path):
    (example,) = read(create_mixed_corpus({"news": reader_of("a")}), nlp)
    DocBin(docs=[example.reference], store_user_data=True).to_disk(tmp_path / "a.spacy")
    (doc,) = DocBin().from_disk(tmp_path / "a.spacy").get_docs(nlp.vocab)
    assert corpus_of(Example(nlp.make_doc("a"), doc)) == ("news", 0)


def test_layers_that_a_corpus_does_not_vouch_for_are_left_out(nlp):
    corpora = {"news": reader_of("a b"), "blog": reader_of("c")}
    corpus = create_mixed_corpus(corpora, {"news": ["ents"]})
    with pytest.warns(UserWarning, match="'news' .* not vouch for: cats, tag. It is left out"):
        news, blog = list(corpus(nlp))
    assert present_layers(news.reference) == {"ents"}
    assert present_layers(blog.reference) == {"tag", "ents", "cats"}
    assert [token.text for token in news.reference] == ["a", "b"]


def test_one_warning_for_a_whole_corpus(nlp):
    corpus = create_mixed_corpus({"news": reader_of("a", "b", "c")}, {"news": []})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        examples = list(corpus(nlp))
    assert len(caught) == 1
    assert [present_layers(example.reference) for example in examples] == [set()] * 3


def test_no_warning_if_nothing_is_left_out(nlp):
    corpus = create_mixed_corpus({"news": reader_of("a")}, {"news": ["tag", "ents", "cats", "pos"]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (example,) = corpus(nlp)
    assert present_layers(example.reference) == {"tag", "ents", "cats"}


def test_it_can_be_read_again(nlp):
    corpus = create_mixed_corpus({"news": reader_of("a", "b")}, {"news": ["tag"]})
    assert len(read(corpus, nlp)) == len(read(corpus, nlp)) == 2


@pytest.mark.parametrize(
    "corpora, layers, message",
    [
        ({}, {}, "at least one corpus"),
        ({"news": "news.spacy"}, {}, "a reader for the corpus 'news', got 'news.spacy'"),
        ({"news": reader_of("a")}, {"blog": ["tag"]}, "corpora news, got 'blog'"),
        ({"news": reader_of("a")}, {"news": ["tags"]}, "out of tag, pos, .* got 'tags'"),
    ],
)
def test_errors(corpora, layers, message):
    with pytest.raises(MTLError, match=message):
        create_mixed_corpus(corpora, layers)


def test_layers_as_one_string_are_refused():
    with pytest.raises(MTLError):
        create_mixed_corpus({"news": reader_of("a")}, {"news": "ents"})  # type: ignore[dict-item]


def test_from_a_config(nlp, tmp_path):
    (example,) = reader_of("a b")(nlp)
    path = tmp_path / "news.spacy"
    DocBin(attrs=["TAG", "ENT_IOB"], docs=[example.reference], store_user_data=True).to_disk(path)
    stock = {"@readers": "spacy.Corpus.v1", "gold_preproc": False}
    block = {
        "@readers": "spacy_mtl.MixedCorpus.v1",
        "corpora": {
            "news": {"@readers": "spacy_mtl.GoldTokenCorpus.v1", "path": str(path)},
            "again": {**stock, "path": str(path)},
        },
        "layers": {"news": ["tag"]},
    }
    found = read(registry.resolve({"corpus": block})["corpus"], nlp)
    assert [corpus_of(example) for example in found] == [("news", 0), ("again", 0)]
    assert present_layers(found[0].reference) == {"tag"}
    assert present_layers(found[1].reference) == {"tag", "ents", "cats"}
