import pytest

from spacy_mtl.corpora import read_docs
from spacy_mtl.errors import FormatError, MTLError

from ..helpers import ents, iob, sentences, tags

LINES = "Ana|NNP|B-PER met|VBD|O Bo|NNP|B-PER Lee|NNP|I-PER\n\nHi|-|O\n"


@pytest.mark.parametrize("name, options", [("a.iob", {}), ("a.txt", {"format": "iob"})])
def test_a_sentence_per_line(write, nlp, name, options):
    first, second = read_docs(write(name, LINES), nlp, **options)
    assert ents(first) == [("Ana", "PER"), ("Bo Lee", "PER")]
    assert tags(first) == ["NNP", "VBD", "NNP", "NNP"]
    assert (tags(second), iob(second)) == ([""], ["O"])


@pytest.mark.parametrize("format", ["auto", "columns", "iob"])
def test_named_parts(write, nlp, format):
    text = "Ana|ana|NNP|B-X met|meet|VBD|O\n"
    names = ["form", "_", "tag", "ner"]
    (doc,) = read_docs(write("a.conll", text), nlp, columns=names, format=format)
    assert (tags(doc), ents(doc)) == (["NNP", "VBD"], [("Ana", "X")])


def test_without_tags(write, nlp):
    (doc,) = read_docs(write("a.iob", "Ana|I-X Lee|I-X met|O\n"), nlp)
    assert (tags(doc), ents(doc)) == (["", "", ""], [("Ana Lee", "X")])


def test_iob1_and_iob2_in_one_file(write, nlp):
    text = "In|O Rio|I-X and|O New|B-X York|I-X Bo|I-Y\nAt|O Rio|B-X Oslo|B-X\n"
    first, second = read_docs(write("a.iob", text), nlp)
    assert ents(first) == [("Rio", "X"), ("New York", "X"), ("Bo", "Y")]
    assert ents(second) == [("Rio", "X"), ("Oslo", "X")]


def test_a_token_per_line(write, nlp):
    docs = list(read_docs(write("a.iob", "Ana|B-X\nLee|I-X\n\nHi|O\n"), nlp))
    assert [ents(doc) for doc in docs] == [[("Ana Lee", "X")], []]


def test_single_tokens_among_lines_are_sentences(write, nlp):
    (doc,) = read_docs(write("a.iob", "Ana|B-X left|O\nHi|O\nBo|O\n"), nlp, group=0)
    assert sentences(doc) == ["Ana left", "Hi", "Bo"]


def test_documents(write, nlp):
    text = "-DOCSTART- -X- O O\nHi|O you|O\nBo|O\n\n-DOCSTART- -X- O O\nNo|O\n"
    docs = read_docs(write("a.iob", text), nlp, group=0)
    assert [sentences(doc) for doc in docs] == [["Hi you", "Bo"], ["No"]]


def test_a_bar_as_token(write, nlp):
    (doc,) = read_docs(write("a.iob", "a|NN|O ||SYM|O b|NN|B-X c|d|NN|O .|.|O\n"), nlp)
    assert [token.text for token in doc] == ["a", "|", "b", "c|d", "."]
    assert tags(doc) == ["NN", "SYM", "NN", "NN", "."]


def test_comments_by_option(write, nlp):
    path = write("a.iob", "// x y\nHi|O you|O\n")
    (doc,) = read_docs(path, nlp, format="iob", comments="//")
    assert len(doc) == 2


@pytest.mark.parametrize(
    "text, columns, line, message",
    [
        ("Hi|UH|O you|O\n", ["form", "tag", "ner"], 1, "Expected 3 columns .* got 2"),
        ("Hi|O you|O\n", ["form", "tag", "ner"], 1, "at least 3 columns .* got 2"),
        ("Hi|UH|O\n\nyou|O a|b|O\n", [], 3, "Expected 3 columns .* got 2"),
        ("Hi|a|b|O\n", [], 1, r"tokens of 2 or 3 parts .* got 'Hi\|a\|b\|O'"),
        ("Hi|a|b|O\n", ["form", "ner"], 1, "tokens of 2 parts"),
        ("Hi|UH|O\nyou|PRP|I-X a|b|X\n", [], 2, "Expected an entity tag .* got 'X'"),
    ],
)
def test_errors(write, nlp, text, columns, line, message):
    with pytest.raises(FormatError, match=message) as caught:
        list(read_docs(write("a.iob", text), nlp, columns=columns))
    assert caught.value.line == line


def test_wrong_names(write, nlp):
    with pytest.raises(MTLError, match="with 'form' among them"):
        read_docs(write("a.iob", "Hi|O\n"), nlp, columns=["tag", "ner"])


COMMENTED = "# sent_id = 1\n# mood = glad\nAna|NNP|B-X left|VBD|O\n#|SYM|O 1|CD|O\n"


@pytest.mark.parametrize("options", [{}, {"format": "iob"}, {"columns": ["form", "tag", "ner"]}])
def test_comments_are_told_from_tokens(write, nlp, options):
    docs = read_docs(write("a.iob", COMMENTED), nlp, cats_from=["mood"], **options)
    first, second = docs
    assert [token.text for token in first] == ["Ana", "left"]
    assert [token.text for token in second] == ["#", "1"]
    assert (first.cats, second.cats) == ({"mood=glad": 1.0}, {})
    assert docs.remarks == {}


def test_other_comments(write, nlp):
    path = write("a.iob", "#odd\n%% a|b\nAna|B-X\n")
    docs = read_docs(path, nlp, comments="%%")
    assert [ents(doc) for doc in docs] == [[("Ana", "X")]]
    docs = read_docs(write("a.iob", "#odd\nAna|B-X\n"), nlp)
    assert [ents(doc) for doc in docs] == [[("Ana", "X")]]
    assert [*docs.remarks] == ["lines with '#' were taken for comments (--comments)"]
