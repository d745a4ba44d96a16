import pytest
from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_mtl.corpora import blank_layer, count_units, present_layers
from spacy_mtl.errors import MTLError
from spacy_mtl.layers import BUILT_IN

UNPARSED = [name for name in BUILT_IN if name != "dep"]


@pytest.fixture
def doc(nlp: Language) -> Doc:
    doc = Doc(
        nlp.vocab,
        words=["Ana", "saw", "Rio"],
        tags=["NNP", "VBD", "NNP"],
        pos=["PROPN", "VERB", ""],
        morphs=["Number=Sing", "", ""],
        lemmas=["Ana", "see", "Rio"],
        sent_starts=[True, False, False],
    )
    doc.set_ents([Span(doc, 0, 1, "PER", kb_id="Q1", span_id="e1")])
    doc.spans["sc"] = [doc[0:2]]
    doc.cats = {"x": 0.0, "stars": 4.0}
    return doc


def test_all_layers_are_present(doc):
    assert present_layers(doc) == set(UNPARSED)
    assert count_units(doc) == {
        "tag": 3,
        "pos": 2,
        "morph": 3,
        "lemma": 3,
        "dep": 0,
        "ents": 3,
        "sents": 3,
        "spans": 1,
        "cats": 1,
        "values": 1,
    }


@pytest.mark.parametrize("layer", UNPARSED)
def test_blanking_takes_one_layer_away(doc, layer):
    before = doc.to_json()
    blank_layer(doc, layer)
    assert present_layers(doc) == set(UNPARSED) - {layer}
    after = doc.to_json()
    for other in {"ents", "spans"} - {layer}:
        assert after[other] == before[other]
    gone = {"cats": "x", "values": "stars"}.get(layer)
    assert after["cats"] == {k: v for k, v in before["cats"].items() if k != gone}
    for old, new in zip(before["tokens"], after["tokens"], strict=True):
        assert {
            key: old[key] for key in ("tag", "pos", "morph", "lemma") if key != layer and key in old
        } == {
            key: new[key] for key in ("tag", "pos", "morph", "lemma") if key != layer and key in new
        }


def test_blanked_entities_leave_no_ids(doc):
    blank_layer(doc, "ents")
    assert not doc.has_annotation("ENT_KB_ID")
    assert not doc.has_annotation("ENT_ID")
    assert [token.ent_iob for token in doc] == [0, 0, 0]


def test_known_to_be_none_is_present(nlp):
    doc = Doc(nlp.vocab, words=["Hm"])
    assert present_layers(doc) == set()
    doc.set_ents([], default="outside")
    doc.spans["sc"] = []
    doc[0].set_morph("")
    assert present_layers(doc) == {"ents", "spans", "morph"}


def test_an_empty_doc_has_no_layers(nlp):
    doc = Doc(nlp.vocab)
    assert present_layers(doc) == set()
    for layer in BUILT_IN:
        blank_layer(doc, layer)


@pytest.fixture
def parsed(nlp: Language) -> Doc:
    return Doc(
        nlp.vocab,
        words=["Ana", "saw", "Rio", "left"],
        heads=[1, 1, 3, 3],
        deps=["subj", "ROOT", "subj", "ROOT"],
        lemmas=["Ana", "see", "Rio", "leave"],
        tags=["N", "V", "N", "V"],
    )


@pytest.mark.parametrize("layer", ["dep", "lemma", "sents"])
def test_blanking_parts_of_a_parsed_doc(parsed, layer):
    whole = {"tag", "dep", "lemma", "sents"}
    assert present_layers(parsed) == whole
    blank_layer(parsed, layer)
    assert present_layers(parsed) == whole - {layer}
    for name, attr in (
        ("dep", "DEP"),
        ("dep", "HEAD"),
        ("lemma", "LEMMA"),
        ("sents", "SENT_START"),
    ):
        assert parsed.has_annotation(attr) == (name != layer)
    heads = [0, 1, 2, 3] if layer == "dep" else [1, 1, 3, 3]
    assert [token.head.i for token in parsed] == heads
    if layer != "sents":
        assert [sent.text.strip() for sent in parsed.sents] == ["Ana saw", "Rio left"]


@pytest.mark.parametrize("words", [[], ["Hm"], ["a", "b"]])
def test_blanking_leaves_a_new_doc_as_it_is(nlp, words):
    doc = Doc(nlp.vocab, words=words)
    assert present_layers(doc) == set()
    before = doc.to_array(["SENT_START"]).tolist()
    for layer in BUILT_IN:
        blank_layer(doc, layer)
    assert doc.to_array(["SENT_START"]).tolist() == before


def test_an_unknown_layer(doc):
    with pytest.raises(MTLError, match="Expected a layer out of tag, pos, .* got 'tags'"):
        blank_layer(doc, "tags")
