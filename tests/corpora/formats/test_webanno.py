import pytest

from spacy_mtl.corpora import present_layers, read_docs
from spacy_mtl.errors import FormatError

from ..helpers import ents, iob, tags

NE = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value"
POS = "de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|coarseValue|PosValue"
HEADER = "#FORMAT=WebAnno TSV 3.3\n"


def tsv(layers: list[str], *sentences: str) -> str:
    """A file from rows in which spaces stand for tabs."""
    header = HEADER + "".join(f"#T_{layer}\n" for layer in layers) + "\n\n"
    blocks = []
    for sentence in sentences:
        rows = [row.split() for row in sentence.strip().split("\n")]
        text = " ".join(row[2] for row in rows)
        blocks.append(f"#Text={text}\n" + "".join("\t".join(row) + "\t\n" for row in rows))
    return header + "\n".join(blocks)


ANN = """1-1 0-3 Ann _ _ * PER[1]
1-2 4-7 Lee _ _ * PER[1]
1-3 8-13 knows _ VB _ _
1-4 14-17 Rio _ NNP * LOC
1-5 17-18 . _ _ _ _"""
HI = "2-1 19-21 Hi _ UH _ _"


def test_entities_and_tags(write, nlp):
    docs = read_docs(write("a.tsv", tsv([f"SP={POS}", f"SP={NE}"], ANN, HI)), nlp)
    first, second = docs
    assert first.text == "Ann Lee knows Rio."
    assert ents(first) == [("Ann Lee", "PER"), ("Rio", "LOC")]
    assert tags(first) == ["", "", "VB", "NNP", ""]
    assert iob(second) == ["O"]
    assert not docs.remarks


def test_sentences_in_one_doc(write, nlp):
    path = write("a.tsv", tsv([f"SP={POS}", f"SP={NE}"], HI.replace("_ _", "_ LOC"), ANN))
    (doc,) = read_docs(path, nlp, group=0)
    assert ents(doc) == [("Hi", "LOC"), ("Ann Lee", "PER"), ("Rio", "LOC")]
    assert len(list(doc.sents)) == 2


def test_a_layer_of_ones_own_is_the_entities(write, nlp):
    text = tsv(["SP=webanno.custom.Drug|kind|note"], "1-1 0-3 ASS pain x\n1-2 4-5 a _ _")
    docs = read_docs(write("a.tsv", text), nlp)
    assert "layer 'Drug.note' was not used" in docs.remarks
    assert ents(next(docs)) == [("ASS", "pain")]


def test_several_layers(write, nlp):
    layers = [f"SP={NE}", "SP=webanno.custom.Cue", "SP=webanno.custom.Scope|kind"]
    text = tsv(layers, "1-1 0-2 No _ _ *[2] _\n1-2 3-4 x _ ORG *[2] _\n1-3 5-6 y _ _ _ _")
    (doc,) = read_docs(write("a.tsv", text), nlp)
    assert ents(doc) == [("x", "ORG")]
    assert [(s.text, s.label_) for s in doc.spans["Cue"]] == [("No x", "Cue")]
    assert set(doc.spans) == {"Cue"}  # nobody worked on the other one


def test_an_empty_layer_of_entities_is_missing(write, nlp):
    text = tsv([f"SP={NE}", "SP=webanno.custom.Cue"], "1-1 0-2 No _ _ *")
    (doc,) = read_docs(write("a.tsv", text), nlp)
    assert present_layers(doc) == {"spans"}


def test_no_entity_at_all_is_none(write, nlp):
    (doc,) = read_docs(write("a.tsv", tsv([f"SP={NE}"], "1-1 0-2 No _ _")), nlp)
    assert iob(doc) == ["O"]


def test_escapes(write, nlp):
    text = tsv([f"SP={NE}"], "1-1 0-1 \\_ * A\\|B\\_C\n1-2 1-2 \\\\ * X\\[1\\][2]\n1-3 2-3 \\* _ _")
    (doc,) = read_docs(write("a.tsv", text), nlp)
    assert [token.text for token in doc] == ["_", "\\", "*"]
    assert ents(doc) == [("_", "A|B_C"), ("\\", "X[1]")]


def test_stacked_spans(write, nlp):
    path = write("a.tsv", tsv([f"SP={NE}"], "1-1 0-1 A *[1]|*[2] X[1]|Y[2]\n1-2 2-3 B *[1] X[1]"))
    with pytest.raises(FormatError, match="do not overlap.*--overlaps"):
        list(read_docs(path, nlp))
    (doc,) = read_docs(path, nlp, overlaps="all")
    assert {(s.text, s.label_) for s in doc.spans["all"]} == {("A B", "X"), ("A", "Y")}


def test_a_span_without_label_makes_its_sentence_missing(write, nlp):
    docs = read_docs(
        write("a.tsv", tsv([f"SP={NE}"], "1-1 0-1 A * *\n1-2 2-3 B * X", "2-1 4-5 C * X")), nlp
    )
    assert any("no label" in what for what in docs.remarks)
    first, second = docs
    assert present_layers(first) == {"sents"}
    assert ents(second) == [("C", "X")]


def test_relations_and_chains_are_said(write, nlp):
    layers = [
        f"SP={NE}",
        "CH=de.tudarmstadt.ukp.dkpro.core.api.coref.type.CoreferenceLink|referenceType|referenceRelation",
        "RL=webanno.custom.In|kind|BT_de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity",
    ]
    rows = "1-1 0-1 A * X nam->1-1 _ _ _\n1-2 2-3 B * Y _ _ in 1-1"
    docs = read_docs(write("a.tsv", tsv(layers, rows)), nlp)
    said = " ".join(docs.remarks)
    assert "CoreferenceLink" in said and "'In.kind'" in said
    assert ents(next(docs)) == [("A", "X"), ("B", "Y")]


def test_spans_across_sentences_are_said(write, nlp):
    docs = read_docs(
        write("a.tsv", tsv([f"SP={NE}"], "1-1 0-1 A *[1] X[1]", "2-1 2-3 B *[1] X[1]")), nlp
    )
    assert any("cross the border" in what for what in docs.remarks)
    assert [ents(doc) for doc in docs] == [[("A", "X")], [("B", "X")]]


def test_offsets_behind_an_emoji(write, nlp):
    text = tsv([f"SP={NE}"], "1-1 0-2 \U0001f600 _ _\n1-2 3-6 Rio * LOC")
    (doc,) = read_docs(write("a.tsv", text), nlp)
    assert ents(doc) == [("Rio", "LOC")]


@pytest.mark.parametrize(
    "rows, line, message",
    [
        ("1-1 0-3 Ann _", 5, "Expected 5 columns .* got 4"),
        ("1 0-3 Ann _ _", 5, "a token as 1-1"),
        ("1-1 0-6 AnnLee _ _\n1-1.1 0-3 Ann * PER", 5, r"borders of tokens, got \[0, 3\] 'PER'"),
    ],
)
def test_errors(write, nlp, rows, line, message):
    text = tsv([f"SP={NE}"], rows).replace("\n\n\n", "\n\n")
    text = text.replace("\t\n", "\n") if "got 4" in message else text
    with pytest.raises(FormatError, match=message) as caught:
        list(read_docs(write("a.tsv", text), nlp))
    assert caught.value.line == line


@pytest.mark.parametrize(
    "first", ["# webanno.custom.Drug | kind", "#FORMAT=WebAnno TSV 2.0", "#id"]
)
def test_other_versions(write, nlp, first):
    with pytest.raises(FormatError, match="Export the document as WebAnno TSV 3"):
        format = "webanno" if first == "#id" else "auto"
        read_docs(write("a.tsv", first + "\n1-1\tAnn\t_\n"), nlp, format=format)
