import copy

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span, Token

from spacy_mtl.confidences import (
    CONFIDENCES,
    lemma_confidence,
    note_spans,
    note_tokens,
    register_extensions,
    span_confidence,
    tag_confidence,
)

TAGS = ["DT", "NN", "VB", "DT"]
NONE_KEPT = np.zeros(4, dtype=bool)


@pytest.fixture
def noted(make_doc):
    doc = make_doc("the red fox  ran", tags=TAGS, ents=["O", "B-X", "I-X", "O"])
    tags = doc.to_array("TAG")
    note_tokens(doc, "TAG", tags, np.asarray([0.5, 0.25, 1.0, np.nan]), NONE_KEPT)
    note_spans(doc, "doc.ents", spans_of(doc, (1, 3, "X")), np.asarray([0.75]), keep=False)
    return doc


def spans_of(doc, *triples):
    spans = [Span(doc, *triple) for triple in triples]
    rows = [(span.start_char, span.end_char, span.label) for span in spans]
    return np.asarray(rows, dtype="uint64").reshape(-1, 3)


def tag_confidences(doc):
    return [tag_confidence(token) for token in doc]


def through_bytes(doc):
    return Doc(doc.vocab).from_bytes(doc.to_bytes())


def through_doc_bin(doc):
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    return next(DocBin().from_bytes(data).get_docs(doc.vocab))


@pytest.mark.parametrize(
    "send", [lambda doc: doc, Doc.copy, copy.copy, through_bytes, through_doc_bin]
)
def test_what_is_noted_is_read(noted, send):
    doc = send(noted)
    assert tag_confidences(doc) == [0.5, 0.25, 1.0, None]
    assert [span_confidence(ent) for ent in doc.ents] == [0.75]
    assert span_confidence(Span(doc, 1, 3, "X")) == 0.75
    assert span_confidence(Span(doc, 1, 3, "Y")) is None
    assert span_confidence(Span(doc, 1, 2, "X")) is None


def test_nothing_noted(make_doc):
    for doc in (make_doc("a b", tags=["X", "Y"]), make_doc("")):
        assert tag_confidences(doc) == [None] * len(doc)
        assert span_confidence(Span(doc, 0, len(doc), "X")) is None
        assert doc.user_data == {}


def test_a_tag_that_was_changed_is_not_what_was_predicted(noted):
    noted[0].tag_ = "XX"
    assert tag_confidences(noted) == [None, 0.25, 1.0, None]


def test_tags_that_are_kept_keep_what_was_noted(noted):
    tags = noted.to_array("TAG")
    note_tokens(noted, "TAG", tags, np.full(4, 0.125), np.asarray([True, False, True, False]))
    assert tag_confidences(noted) == [0.5, 0.125, 1.0, 0.125]


def test_kept_tags_of_others_have_none(make_doc):
    doc = make_doc("a b", tags=["X", "Y"])
    note_tokens(doc, "TAG", doc.to_array("TAG"), np.full(2, 0.5), np.asarray([True, False]))
    assert tag_confidences(doc) == [None, 0.5]


def test_lemmas_beside_tags(noted):
    for token in noted:
        token.lemma_ = token.text
    lemmas = noted.to_array("LEMMA")
    note_tokens(noted, "LEMMA", lemmas, np.asarray([0.5, 0.0, 1.0, np.nan]), NONE_KEPT)
    assert [lemma_confidence(token) for token in noted] == [0.5, 0.0, 1.0, None]
    assert tag_confidences(noted) == [0.5, 0.25, 1.0, None]
    assert [span_confidence(ent) for ent in noted.ents] == [0.75]
    noted[0].lemma_ = "other"
    assert noted[0]._.lemma_confidence is None and noted[2]._.lemma_confidence == 1.0


def test_spans_are_added_or_replaced(noted):
    note_spans(noted, "doc.ents", spans_of(noted, (0, 1, "Y")), np.asarray([0.5]), keep=True)
    assert span_confidence(Span(noted, 0, 1, "Y")) == 0.5
    assert span_confidence(Span(noted, 1, 3, "X")) == 0.75
    note_spans(noted, "doc.ents", spans_of(noted), np.zeros(0), keep=False)
    assert span_confidence(Span(noted, 1, 3, "X")) is None


def test_entities_go_before_groups(noted):
    note_spans(noted, "doc.spans['x']", spans_of(noted, (1, 3, "X")), np.asarray([0.5]), True)
    assert span_confidence(Span(noted, 1, 3, "X")) == 0.75


def test_entities_that_become_one_token_keep_theirs(noted):
    with noted.retokenize() as retokenizer:
        retokenizer.merge(noted.ents[0])
    assert [span_confidence(ent) for ent in noted.ents] == [0.75]
    assert tag_confidences(noted) == [None] * 3


@pytest.mark.parametrize("start, end", [(1, 4), (0, 3), (0, 2)])
def test_a_part_of_a_document_takes_nothing_over(noted, start, end):
    part = noted[start:end].as_doc(copy_user_data=True)
    assert CONFIDENCES in part.user_data
    assert tag_confidences(part) == [None] * len(part)
    assert all(span_confidence(Span(part, i, i + 2, "X")) is None for i in range(len(part) - 1))
    note_spans(part, "doc.ents", spans_of(part, (0, 1, "X")), np.asarray([0.5]), keep=True)
    assert span_confidence(Span(part, 0, 1, "X")) == 0.5


def test_extensions_of_others_stay():
    spacy.blank("en").add_pipe("multitask")
    assert Span.get_extension("confidence")[2] is span_confidence
    assert Token.get_extension("tag_confidence")[2] is tag_confidence
    assert Token.get_extension("lemma_confidence")[2] is lemma_confidence
    register_extensions()  # ours are there, which is no reason to warn
    Span.set_extension("confidence", default=0.3, force=True)
    try:
        with pytest.warns(UserWarning, match=r"Span\._\.confidence exists, and stays"):
            register_extensions()
        assert Span.get_extension("confidence")[0] == 0.3
    finally:
        Span.remove_extension("confidence")
        register_extensions()
    assert Span.get_extension("confidence")[2] is span_confidence
