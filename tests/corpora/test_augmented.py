"""Augmenters, and what they may say of what nobody annotated."""

import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Corpus, Example
from spacy.training.augment import (
    create_combined_augmenter,
    create_lower_casing_augmenter,
    create_orth_variants_augmenter,
)

from spacy_mtl.corpora.augmented import KeepsMissing, read_keeping_missing
from spacy_mtl.corpora.readers import GoldTokenCorpus
from spacy_mtl.marks import LABELS, corpus_of
from spacy_mtl.mixing.mixed import MixedCorpus
from spacy_mtl.mixing.subset import Subset

ATTRS = ["ENT_IOB", "ENT_TYPE", "MORPH", "SENT_START", "TAG", "POS", "LEMMA", "DEP", "HEAD"]
WORDS = ["Mia", "met", "Leo", "..."]
VARIANTS = {"single": [{"tags": ["P"], "variants": ["...", "…"]}], "paired": []}
# What a document of four words may have, and so lack.
ANNOTATION: dict[str, dict[str, Any]] = {
    "nothing": {},
    "starts": {"sent_starts": [True, False, True, None]},
    "tags": {"tags": ["N", "V", "N", "P"], "pos": ["NOUN", "", "", "PUNCT"]},
    "all outside": {"ents": ["O", "O", "O", "O"], "sent_starts": [True, False, False, False]},
    "some entities": {"ents": ["", "O", "B-PER", ""]},
    "a long entity": {"ents": ["B-PER", "I-PER", "", "O"]},
    "features": {"morphs": ["Number=Sing", "", "Case=Acc", ""], "tags": ["N", "V", "N", "P"]},
    "a parse": {"heads": [1, 1, 1, 1], "deps": ["nsubj", "ROOT", "obj", "punct"]},
    "half a parse": {"heads": [1, 1, 2, 3], "deps": ["nsubj", "ROOT", "", ""]},
}


def by_dicts(nlp: Language, example: Example) -> Iterator[Example]:
    yield Example.from_dict(nlp.make_doc(example.text), example.to_dict())


def in_place(nlp: Language, example: Example) -> Iterator[Example]:
    for token in example.reference:
        if not token.has_morph():
            token.set_morph("")
    example.reference.set_ents(example.reference.ents)  # all else becomes O
    yield example


def twice(nlp: Language, example: Example) -> Iterator[Example]:
    yield example
    yield from by_dicts(nlp, example)


AUGMENTERS = {
    "by dicts": by_dicts,
    "in place": in_place,
    "twice": twice,
    "lower case": create_lower_casing_augmenter(1.0),
    "variants": create_orth_variants_augmenter(1.0, 0.5, VARIANTS),
}


def of(doc: Doc) -> list[list[int]]:
    return [doc.to_array([attr]).tolist() for attr in ATTRS]


def augmented(augmenter: Callable[..., Any], doc: Doc) -> list[Doc]:
    nlp = spacy.blank("en", vocab=doc.vocab)
    predicted = Doc(nlp.vocab, words=[token.text for token in doc])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        examples = KeepsMissing(augmenter, "a corpus")(nlp, Example(predicted, doc))
        return [example.reference for example in examples]


@pytest.mark.parametrize("augmenter", AUGMENTERS)
@pytest.mark.parametrize("annotation", ANNOTATION)
def test_what_is_missing_stays_missing(nlp, annotation, augmenter):
    random.seed(0)
    doc = Doc(nlp.vocab, words=WORDS, **ANNOTATION[annotation])
    doc.cats, doc.spans["food"] = {"glad": 1.0}, []
    doc.user_data[LABELS] = {"ner": ["PER"]}
    before = of(doc)
    found = augmented(AUGMENTERS[augmenter], doc)
    assert found
    for each in found:
        assert of(each) == before
        assert (each.cats, list(each.spans)) == ({"glad": 1.0}, ["food"])
        assert each.user_data[LABELS] == {"ner": ["PER"]}


def test_without_the_comparison_it_would_be_denied(nlp):
    doc = Doc(nlp.vocab, words=WORDS, **ANNOTATION["starts"])
    example = Example(nlp.make_doc(doc.text), doc)
    (stock,) = by_dicts(nlp, example)
    assert [token.ent_iob_ for token in stock.reference] == ["O"] * 4
    assert all(token.has_morph() for token in stock.reference)
    assert not stock.reference.has_annotation("SENT_START")


def rebuilt(words: list[str], **annotation: Any) -> Callable[..., Iterator[Example]]:
    """An augmenter that gives this."""

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        yield Example(Doc(nlp.vocab, words=words), Doc(nlp.vocab, words=words, **annotation))

    return augment


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["Mia", "never", "met", "Leo", "..."], ["O", "O", "O", "", ""]),
        (["Mia", "met", "old", "Leo", "..."], ["O", "O", "", "", ""]),
        (["met", "Leo", "..."], ["O", "", ""]),
        (["Mia", "saw", "Leo", "Mae", "too", "..."], ["O", "O", "", "", "", ""]),
        (["Mia", "had", "met", "at", "all"], ["O", "O", "O", "", ""]),
        (["Mia", "knew", "Leo", "..."], ["O", "O", "", ""]),
        (["all", "else"], ["", ""]),
    ],
)
def test_other_tokens(nlp, words, expected):
    """One that was put between is known if both neighbours are, a row if all it stands for is."""
    doc = Doc(nlp.vocab, words=WORDS, ents=["O", "O", "", ""])
    augmenter = rebuilt(words, ents=["O"] * len(words))
    (found,) = augmented(augmenter, doc)
    assert [token.ent_iob_ for token in found] == expected


def test_whitespace_between_known_tokens(nlp):
    random.seed(0)
    augmenter = create_combined_augmenter(0.0, 0.0, None, 1.0, 0.5, [" "])
    doc = Doc(nlp.vocab, words=WORDS, ents=["B-PER", "O", "B-PER", "O"], tags=["N", "V", "N", "P"])
    (found,) = augmented(augmenter, doc)
    assert len(found) == 6
    assert all(token.ent_iob for token in found)
    assert not any(token.has_morph() for token in found)
    unlabelled = Doc(nlp.vocab, words=WORDS, tags=["N", "V", "N", "P"])
    (found,) = augmented(augmenter, unlabelled)
    assert not any(token.ent_iob or token.has_morph() for token in found)


def test_real_values_are_kept_and_said_once(nlp):
    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        doc = example.reference.copy()
        doc.ents, doc.cats = [Span(doc, 0, 1, "PER")], {"glad": 0.0, "sad": 1.0}
        doc.spans["food"], doc.spans["drink"] = [Span(doc, 1, 2, "X")], []
        yield Example(example.predicted, doc)

    keeping = KeepsMissing(augment, "the corpus 'news'")
    doc = Doc(nlp.vocab, words=WORDS)
    with pytest.warns(UserWarning) as warned:
        for _ in range(3):
            (found,) = keeping(nlp, Example(nlp.make_doc(doc.text), doc))
    (message,) = [str(each.message) for each in warned]
    assert message.startswith(
        "The augmenter of the corpus 'news' gives annotation that its documents lack: "
        "cats, ents, spans. It is kept"
    )
    assert [token.ent_iob_ for token in found.reference] == ["B", "", "", ""]
    assert found.reference.cats == {"glad": 0.0, "sad": 1.0}
    assert list(found.reference.spans) == ["food"]


@pytest.fixture
def corpus_path(tmp_path, nlp):
    docs = [Doc(nlp.vocab, words=WORDS), Doc(nlp.vocab, words=WORDS, ents=["B-PER", "O", "O", "O"])]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "some.spacy")
    return tmp_path / "some.spacy"


def known_entities(reader: Any, nlp: Language) -> list[bool]:
    return [example.reference.has_annotation("ENT_IOB") for example in reader(nlp)]


def test_our_readers(nlp, corpus_path):
    stock = Corpus(corpus_path, augmenter=by_dicts)
    assert known_entities(stock, nlp) == [True, True]
    nested = MixedCorpus({"all": MixedCorpus({"some": stock})})
    for reader in (
        MixedCorpus({"some": stock}),
        nested,
        Subset(stock, 1.0, 0),
        MixedCorpus({"some": Subset(stock, 1.0, 0)}),
        GoldTokenCorpus(corpus_path, augmenter=by_dicts),
        MixedCorpus({"some": Corpus(corpus_path)}, augmenter=by_dicts),
    ):
        assert known_entities(reader, nlp) == [False, True]
    assert stock.augmenter is by_dicts, "what is given stays as it is"


def test_an_augmenter_of_the_mixture(nlp, corpus_path):
    corpora = {"one": Corpus(corpus_path), "two": Corpus(corpus_path, limit=1)}
    mixed = MixedCorpus(corpora, augmenter=twice, layers={"two": []})
    examples = list(mixed(nlp))
    assert sorted(map(corpus_of, examples)) == [
        *(("one", i) for i in range(4)),
        *(("two", i) for i in range(2)),
    ]


def test_readers_without_an_augmenter_are_not_copied(corpus_path):
    for reader in (Corpus(corpus_path), by_dicts, GoldTokenCorpus(corpus_path, augmenter=twice)):
        assert read_keeping_missing(reader, "a corpus") is reader
