import pytest

from spacy_mtl.corpora import read_docs
from spacy_mtl.corpora.folder import passed_over
from spacy_mtl.errors import FormatError

from ..helpers import ents, iob

TEXT = "Ann Lee knows Rio.\nShe left.\n"


@pytest.fixture
def read(tmp_path, nlp):
    def read(annotation, text=TEXT, name="a.ann", **options):
        (tmp_path / "a.txt").write_bytes(text.encode())
        (tmp_path / "a.ann").write_text(annotation, encoding="utf-8")
        return read_docs(tmp_path / name, nlp, **options)

    return read


@pytest.mark.parametrize("name", ["a.ann", "a.txt"])
def test_entities(read, name):
    (doc,) = read("T1\tPER 0 7\tAnn Lee\nT2\tLOC 14 17\tRio\n", name=name)
    assert ents(doc) == [("Ann Lee", "PER"), ("Rio", "LOC")]
    assert doc.text == TEXT
    assert iob(doc)[2] == "O"


@pytest.mark.parametrize("annotation", ["", "\n", " \r\n\n"])
def test_an_empty_file_says_nothing(read, annotation):
    docs = read(annotation)
    (doc,) = docs
    assert set(iob(doc)) == {""}
    ((what, remarked),) = docs.remarks.items()
    assert what.startswith("an empty .ann says nothing")
    assert (remarked.records, remarked.example) == (1, "a.ann")


def test_an_empty_file_as_no_entities_by_choice(read):
    docs = read("", outside=True)
    (doc,) = docs
    assert set(iob(doc)) == {"O"}
    assert not docs.remarks


def test_an_empty_file_in_a_folder_that_vouches_for_entities(read):
    (doc,) = read("", layers=["ents"])
    assert set(iob(doc)) == {""}


def test_annotation_without_entities(read):
    (doc,) = read("#1\tAnnotatorNotes T1\tnobody here\n")
    assert set(iob(doc)) == {"O"}


def test_what_is_not_used_is_said(read):
    lines = [
        "T1\tPER 0 7\tAnn Lee",
        "T2\tLOC 14 17\tRio",
        "T3\tKnow 8 13\tknows",
        "R1\tIn Arg1:T1 Arg2:T2",
        "E1\tKnow:T3 Who:T1",
        "A1\tNegation E1",
        "N1\tReference T2 Wiki:1\tRio",
        "*\tEquiv T1 T2",
        "#1\tAnnotatorNotes T1\tsure?",
    ]
    docs = read("\n".join(lines))
    assert len(docs.remarks) == 6
    assert len(next(docs).ents) == 3


def test_discontinuous_entities_are_one_span_and_said(read):
    docs = read("T1\tPER 0 3;14 17\tAnn Rio\n")
    ((what, remarked),) = docs.remarks.items()
    assert "discontinuous" in what and remarked.records == 1
    assert ents(next(docs)) == [("Ann Lee knows Rio", "PER")]


def test_overlaps(read):
    annotation = "T1\tPER 0 7\tAnn Lee\nT2\tNAME 4 7\tLee\n"
    with pytest.raises(FormatError, match="do not overlap"):
        list(read(annotation))
    (doc,) = read(annotation, overlaps="all")
    assert [span.label_ for span in doc.spans["all"]] == ["PER", "NAME"]


def test_windows_line_ends(read):
    text = TEXT.replace("\n", "\r\n")
    without = read("T1\tPER 19 22\tShe\n", text)
    counted = read("T1\tPER 20 23\tShe\n", text)
    assert [ents(next(docs)) for docs in (without, counted)] == [[("She", "PER")]] * 2


@pytest.mark.parametrize(
    "annotation, message",
    [
        ("T1\tPER 1 7\tAnn Lee\n", r"a\.ann:1: Expected the text 'Ann Lee' at 1 7"),
        ("\nT1\tPER 0\n", r"a\.ann:2: Expected an entity as"),
        ("0 7 PER\n", "a line of brat's standoff"),
    ],
)
def test_errors(read, annotation, message):
    with pytest.raises(FormatError, match=message):
        read(annotation)


def test_no_text(write, nlp):
    with pytest.raises(FormatError, match=r"got no a\.txt"):
        read_docs(write("a.ann", ""), nlp)


def test_texts_in_a_folder_belong_to_their_annotation(write, tmp_path):
    for name in ("a.ann", "a.txt", "b.txt"):
        write(name, "")
    assert [path.name for path in passed_over(tmp_path, tmp_path / "corpus")] == ["b.txt"]
