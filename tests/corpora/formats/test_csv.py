import pytest

from spacy_mtl.corpora import read_docs
from spacy_mtl.errors import FormatError

IMDB = 'text,label\n"Great, really.",pos\n"Two\nlines ""quoted""",neg\nHm,\n'


def test_text_and_label(write, nlp):
    docs = list(read_docs(write("a.csv", IMDB), nlp))
    assert [doc.text for doc in docs] == ["Great, really.", 'Two\nlines "quoted"', "Hm"]
    assert [doc.cats for doc in docs] == [{"neg": 0.0, "pos": 1.0}, {"neg": 1.0, "pos": 0.0}, {}]


def test_group_name(write, nlp):
    doc, *_ = read_docs(write("a.csv", IMDB), nlp, group_name="sentiment")
    assert doc.cats == {"sentiment=neg": 0.0, "sentiment=pos": 1.0}


def test_columns_as_class_groups(write, nlp):
    text = "id\treview\tsentiment\ttopic\n1\tGood\tpos\tfilm\n2\tBad\tneg\t\n"
    docs = list(
        read_docs(write("a.tsv", text), nlp, text_column="review", cats_from=["sentiment", "topic"])
    )
    assert [doc.cats for doc in docs] == [
        {"sentiment=neg": 0.0, "sentiment=pos": 1.0, "topic=film": 1.0},
        {"sentiment=neg": 1.0, "sentiment=pos": 0.0},
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters(write, nlp, delimiter):
    text = f"text{delimiter}label\nOne{delimiter}a\n"
    (doc,) = read_docs(write("a.csv", text), nlp)
    assert (doc.text, doc.cats) == ("One", {"a": 1.0})


def test_byte_order_mark_windows_lines_and_long_fields(tmp_path, nlp):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbftext,label\r\n" + b"word " * 30_000 + b",a\r\n")
    (doc,) = read_docs(path, nlp)
    assert len(doc) == 30_000


@pytest.mark.parametrize(
    "text, line, message",
    [
        ("body,label\na,b\n", 1, "one column 'text' in the header, got body, label"),
        ("text,text\na,b\n", 1, "one column 'text' in the header, got text, text"),
        ('"text,label\na,b\n', 1, "in double quotes"),
        ("text,label\na,b,c\n", 2, "Expected 2 columns as in the header, got 3"),
        ('text,label\n"a\nb",c\nd\n', 4, "Expected 2 columns as in the header, got 1"),
        ('text,label\na,b\n"c"d,e\n', 3, "in double quotes"),
        ('text,label\na,b\n"c,d\ne,f\n', 3, "in double quotes"),
        ("text,label\n,b\n", 2, "Expected a text, got an empty one"),
        ("text,label\na\0,b\n", 2, "NUL"),
    ],
)
def test_errors_have_the_line(write, nlp, text, line, message):
    with pytest.raises(FormatError, match=message) as caught:
        list(read_docs(write("a.csv", text), nlp))
    assert caught.value.line == line


def test_an_absent_class_column(write, nlp):
    with pytest.raises(FormatError, match="one column 'topic' in the header"):
        list(read_docs(write("a.csv", IMDB), nlp, cats_from=["topic"]))


def test_reading_goes_on_after_an_error(write, nlp):
    text = 'text,label\n"a"b,x\nc\nd,e\n'
    docs = read_docs(write("a.csv", text), nlp, on_error="skip")
    assert [doc.text for doc in docs] == ["d"]
    assert docs.errors == 2


def test_names_of_numbered_classes(write, nlp):
    path = write("a.csv", "text,label\na,1\nb,-1\nc,0\nd,\n")
    names = write("names.txt", "no\nyes\n")
    docs = list(read_docs(path, nlp, names=names))
    assert [doc.cats.get("yes") for doc in docs] == [1.0, None, 0.0, None]
    with pytest.raises(FormatError, match=r"a\.csv:2: .*from 0 to 0 in 'label'"):
        read_docs(path, nlp, names=write("one.txt", "no\n"))


HEADER = "text\tlabel\n"
KEPT = "quotes around a field were kept as characters (--quotes reads them as in CSV)"
ENCLOSING = "quotes were read as in CSV (--no-quotes takes them as characters)"


@pytest.mark.parametrize(
    "rows, texts, remarks",
    [
        ('" Slow\tx\nFine\ty\nodd "\tx\n', ['" Slow', "Fine", 'odd "'], []),
        ('"Slow" but fine\tx\n', ['"Slow" but fine'], []),
        ('a "\tx\nb "c" d\tx\n', ['a "', 'b "c" d'], []),
        ('"\tx\n"\ty\n', ['"', '"'], []),
        ('"Slow"\tx\nso ""odd""\ty\n', ['"Slow"', 'so ""odd""'], [KEPT]),
        ('"Say ""no"", Ana"\tx\nFine\ty\n', ['Say "no", Ana', "Fine"], [ENCLOSING]),
        ('"Two\nlines"\tx\nFine\ty\n', ["Two\nlines", "Fine"], [ENCLOSING]),
        ('"A\ttab"\tx\n', ["A\ttab"], [ENCLOSING]),
    ],
)
def test_quotes_between_tabs(write, nlp, rows, texts, remarks):
    docs = read_docs(write("a.tsv", HEADER + rows), nlp)
    assert [doc.text for doc in docs] == texts
    assert [*docs.remarks] == remarks


def test_a_header_in_quotes_has_rows_in_quotes(write, nlp):
    docs = list(read_docs(write("a.tsv", '"text"\t"label"\n"Fine"\t"good"\n'), nlp))
    assert [(doc.text, doc.cats) for doc in docs] == [("Fine", {"good": 1.0})]


def test_quotes_by_choice(write, nlp):
    path = write("a.tsv", HEADER + '"Fine"\tx\n')
    assert [doc.text for doc in read_docs(path, nlp, quotes=True)] == ["Fine"]
    path = write("a.csv", 'text,label\n"Fine" film,x\n" odd,y\n')
    assert [doc.text for doc in read_docs(path, nlp, quotes=False)] == ['"Fine" film', '" odd']
    with pytest.raises(FormatError, match="With --no-quotes"):
        list(read_docs(path, nlp))


@pytest.mark.parametrize("name, tab", [("a.csv", ","), ("b.csv", "\t"), ("c.tsv", "\t")])
def test_a_field_like_merged_rows_is_told(write, nlp, name, tab):
    text = f'text{tab}label\n"Slow{tab}x\nodd"{tab}y\n'
    docs = read_docs(write(name, text), nlp, quotes=True)
    assert len(list(docs)) == 1
    ((what, seen),) = docs.remarks.items()
    assert what.startswith("a field has line breaks and")
    assert (seen.records, seen.example) == (1, f"Slow{tab}x\nodd")


def test_one_column_and_commas_in_its_text(write, nlp):
    assert [doc.text for doc in read_docs(write("a.tsv", "text\nFine, really\n"), nlp)] == [
        "Fine, really"
    ]
