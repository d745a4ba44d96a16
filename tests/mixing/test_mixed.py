"""Several corpora as one, each with its mark and the layers that it vouches for."""

import warnings
from itertools import islice
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import registry

from spacy_mtl.corpora import present_layers
from spacy_mtl.errors import MTLError
from spacy_mtl.marks import corpus_of, known_labels
from spacy_mtl.mixing.mixed import MixedCorpus, create_mixed_corpus

TASKS = {"tagger": "Tagger", "ner": "NER", "genre": "TextCat"}


def reader_of(*texts: str) -> Any:
    """A reader of documents with tags, entities and classes."""

    def read(nlp: Language) -> Any:
        for text in texts:
            words = text.split()
            doc = Doc(nlp.vocab, words=words, tags=["T"] * len(words), ents=["O"] * len(words))
            doc.cats = {"c": 1.0}
            yield Example(nlp.make_doc(text), doc)

    return read


def with_tasks(*names: str) -> Language:
    nlp = spacy.blank("en")
    tasks = {name: {"@mtl_tasks": f"spacy_mtl.{TASKS[name]}.v1"} for name in names}
    nlp.add_pipe("multitask", config={"tasks": tasks})
    return nlp


def parses(nlp: Language) -> Any:
    """A reader of documents with all that other components learn, too."""
    for words in (["go", "away"], ["stay", "here"]):
        annotation = {"tags": ["T"] * 2, "lemmas": words, "heads": [0, 0], "deps": ["ROOT", "adv"]}
        yield Example(Doc(nlp.vocab, words=words), Doc(nlp.vocab, words=words, **annotation))


def read(corpus: MixedCorpus, nlp: Language) -> list[Example]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(corpus(nlp))


def test_examples_bear_the_name_of_their_corpus_and_their_place(nlp):
    corpora = {"news": reader_of("a b", "c", "d"), "blog": reader_of("e")}
    examples = read(create_mixed_corpus(corpora), nlp)
    found = {example.reference.text.strip(): corpus_of(example) for example in examples}
    blog, *news = found.pop("e"), *found.items()
    assert blog == ("blog", 0)
    assert news == [("a b", ("news", 0)), ("c", ("news", 1)), ("d", ("news", 2))]


def test_the_corpora_come_in_turn(nlp):
    corpora = {"a": reader_of(*"12345"), "b": reader_of("6"), "c": reader_of("7", "8")}
    examples = read(create_mixed_corpus(corpora), nlp)
    assert "".join(example.reference.text.strip() for example in examples) == "16728345"


def test_each_corpus_can_be_read_by_itself(nlp):
    corpora = {"news": reader_of("a", "b"), "blog": reader_of("c")}
    mixture = create_mixed_corpus(corpora, {"news": ["tag"]})(nlp)
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            examples = list(mixture.read("news"))
        assert [corpus_of(example) for example in examples] == [("news", 0), ("news", 1)]
        assert [present_layers(example.reference) for example in examples] == [{"tag"}] * 2


def test_nothing_is_read_before_it_is_needed(nlp):
    def endless(nlp: Language) -> Any:
        while True:
            yield from reader_of("a")(nlp)

    mixture = create_mixed_corpus({"news": endless, "blog": reader_of("b")})(nlp)
    first = [example.reference.text.strip() for example in islice(mixture, 4)]
    assert first == ["a", "b", "a", "a"]


@pytest.mark.parametrize("empty", [reader_of(), lambda nlp: []])
def test_an_empty_corpus_is_an_error(nlp, empty):
    corpus = create_mixed_corpus({"news": reader_of("a"), "blog": empty})
    with pytest.raises(MTLError, match="documents in the corpus 'blog', got none.*path"):
        list(corpus(nlp))


def test_labels_that_a_corpus_knows():
    corpora = {"news": reader_of("a"), "blog": reader_of("b")}
    labels = {"news": {"ner": ["PER", "LOC"]}}
    news, blog = read(create_mixed_corpus(corpora, labels=labels), with_tasks("ner"))
    assert known_labels(news) == {"ner": ["PER", "LOC"]}
    assert known_labels(blog) == {}


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


def test_a_task_of_which_a_corpus_vouches_for_the_first_layer_alone():
    nlp = with_tasks("tagger", "ner")
    tagger = nlp.get_pipe("multitask").tasks["tagger"]
    tagger.__class__ = type("Uses", (type(tagger),), {"layers": ("tag", "ents")})
    corpus = MixedCorpus({"news": reader_of("a b", "c"), "blog": reader_of("d")}, {"news": ["tag"]})
    with pytest.warns(UserWarning) as told:
        list(corpus(nlp))
    (message,) = [str(warning.message) for warning in told]
    assert "does not vouch for: cats, ents. It is left out." in message
    said = "The task 'tagger' learns from tag, ents; the corpus 'news' vouches for tag alone."
    assert message.endswith(said)


def test_one_warning_for_a_whole_corpus(nlp):
    corpus = create_mixed_corpus({"news": reader_of("a", "b", "c")}, {"news": []})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        examples = list(corpus(nlp))
        list(corpus(nlp))
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
    "settings, message",
    [
        ({"corpora": {}}, "at least one corpus"),
        ({"corpora": {"news": "n.spacy"}}, "a reader for the corpus 'news', got 'n.spacy'"),
        ({"layers": {"blog": ["tag"]}}, "layers of the corpora news, got 'blog'"),
        ({"layers": {"news": ["tags"]}}, "out of tag, pos, .* got 'tags'"),
        ({"sizes": {"blog": 1}}, "sizes of the corpora news, got 'blog'"),
        ({"sizes": {"news": 0}}, "1 or more as the size of the corpus 'news', got 0"),
        ({"sizes": {"news": 2.5}}, "whole number .* size of the corpus 'news', got 2.5"),
        ({"sizes": {"news": True}}, "whole number .* size of the corpus 'news', got True"),
        ({"labels": {"blog": {}}}, "labels of the corpora news, got 'blog'"),
        ({"labels": {"news": ["PER"]}}, r"corpus 'news' by task, got \['PER'\]"),
        ({"labels": {"news": {"ner": "PER"}}}, "list of labels .* 'ner' .* 'news', got 'PER'"),
        ({"labels": {"news": {"ner": [1]}}}, r"list of labels .* 'ner' .* got \[1\]"),
    ],
)
def test_errors(settings, message):
    with pytest.raises(MTLError, match=message):
        create_mixed_corpus(**{"corpora": {"news": reader_of("a")}, **settings})


def test_layers_as_one_string_are_refused():
    with pytest.raises(MTLError):
        create_mixed_corpus({"news": reader_of("a")}, {"news": "ents"})  # type: ignore[dict-item]


def test_from_a_config(nlp, tmp_path):
    (example,) = reader_of("a b")(nlp)
    path = tmp_path / "news.spacy"
    DocBin(attrs=["TAG", "ENT_IOB"], docs=[example.reference], store_user_data=True).to_disk(path)
    labels = {"path": str(tmp_path / "genre.json"), "require": True}
    (tmp_path / "genre.json").write_text('["c"]')
    stock = {"@readers": "spacy.Corpus.v1", "gold_preproc": False}
    block = {
        "@readers": "spacy_mtl.MixedCorpus.v1",
        "corpora": {
            "news": {"@readers": "spacy_mtl.GoldTokenCorpus.v1", "path": str(path)},
            "again": {**stock, "path": str(path)},
        },
        "layers": {"news": ["tag"]},
        "sizes": {"again": 1},
        "labels": {
            "news": {"tagger": ["T"], "genre": {"@readers": "spacy.read_labels.v1", **labels}}
        },
    }
    found = read(registry.resolve({"corpus": block})["corpus"], with_tasks("tagger", "genre"))
    assert [corpus_of(example) for example in found] == [("news", 0), ("again", 0)]
    assert known_labels(found[0]) == {"tagger": ["T"], "genre": ["c"]}
    assert present_layers(found[0].reference) == {"tag"}
    assert present_layers(found[1].reference) == {"tag", "ents", "cats"}


def test_labels_of_a_task_that_the_pipeline_lacks():
    mixed = MixedCorpus({"news": reader_of("a")}, labels={"news": {"nre": ["PER"]}})
    with pytest.raises(MTLError, match="tasks ner in what the corpus 'news' .* got nre"):
        mixed(with_tasks("ner"))


def test_labels_need_the_component_that_masks():
    mixed = MixedCorpus({"news": reader_of("a")}, labels={"news": {"ner": ["PER"]}})
    nlp = spacy.blank("en")
    nlp.add_pipe("ner")
    with pytest.raises(MTLError, match="component 'multitask' .* corpus 'news' has `labels`"):
        mixed(nlp)


@pytest.mark.parametrize(
    "layers, left",
    [
        (["tag"], set()),
        (["tag", "dep"], {"dep", "sents"}),
        (["tag", "sents", "lemma"], {"sents", "lemma"}),
    ],
)
def test_what_only_other_components_learn_is_left_out_too(nlp, layers, left):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no component of this pipeline misses it
        examples = list(create_mixed_corpus({"news": parses}, {"news": layers})(nlp))
    for doc in (example.reference for example in examples):
        assert present_layers(doc) & {"dep", "lemma", "sents"} == left
        assert doc.has_annotation("TAG")


@pytest.mark.parametrize(
    "component, told",
    [
        ("parser", "dep, sents"),
        ("trainable_lemmatizer", "lemma"),
        ("senter", "sents"),
        ("tagger", None),
        ("sentencizer", None),
    ],
)
def test_a_warning_if_another_component_learns_from_it(component, told):
    nlp = spacy.blank("en")
    nlp.add_pipe(component)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(create_mixed_corpus({"news": parses}, {"news": ["tag"]})(nlp))
    found = [str(warning.message) for warning in caught]
    assert len(found) == (told is not None)
    if told:
        assert f"does not vouch for: {told}. It is left out." in found[0]
        assert ("To 'senter' missing" in found[0]) == (component == "senter")


def test_the_warning_comes_with_the_first_loss(nlp):
    def endless(nlp: Language) -> Any:
        yield from reader_of("a")(nlp)
        while True:
            (example,) = reader_of("b")(nlp)
            example.reference[0].pos_ = "NOUN"
            yield example

    examples = iter(create_mixed_corpus({"news": endless}, {"news": ["ents"]})(nlp))
    with pytest.warns(UserWarning, match="not vouch for: cats, tag. It"):
        next(examples)
    with pytest.warns(UserWarning, match="not vouch for: pos. It"):
        next(examples)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        next(examples)


def test_two_corpora_of_the_same_documents(nlp):
    given = list(reader_of("a", "b")(nlp))
    corpora = {name: (lambda nlp: given) for name in ("tags", "classes")}
    examples = read(create_mixed_corpus(corpora, {"tags": ["tag"], "classes": ["cats"]}), nlp)
    assert [corpus_of(example)[0] for example in examples] == ["tags", "classes"] * 2
    assert [present_layers(example.reference) for example in examples] == [{"tag"}, {"cats"}] * 2
    for example in given:
        assert present_layers(example.reference) == {"tag", "ents", "cats"}
        assert not example.reference.user_data
