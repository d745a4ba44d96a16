import pytest

from spacy_mtl.corpora import read_docs
from spacy_mtl.errors import FormatError, MTLError

from ..helpers import ents, iob, sentences, tabbed, tags

CONLL_2003 = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER

-DOCSTART- -X- -X- O

BRUSSELS NNP B-NP B-LOC
"""
COLUMNS = ["form", "tag", "_", "ner"]

UNER = tabbed(
    """# newdoc id = a
# sent_id = 1
# text = Ana's in Rio.
1 Ana B-PER - x
2 's O - x
3 in O - x
4 Rio B-LOC - x
5 . O - x

# sent_id = 2
# text = It's du pain
1-2 It's _ - x
1 It O - x
2 is O - x
"""
)


def test_conll_2003(write, nlp):
    docs = list(read_docs(write("eng.train", CONLL_2003), nlp, columns=COLUMNS, group=0))
    assert [sentences(doc) for doc in docs] == [
        ["EU rejects German", "Peter Blackburn"],
        ["BRUSSELS"],
    ]
    assert tags(docs[0]) == ["NNP", "VBZ", "JJ", "NNP", "NNP"]
    assert ents(docs[0]) == [("EU", "ORG"), ("German", "MISC"), ("Peter Blackburn", "PER")]
    assert docs[0].has_unknown_spaces


@pytest.mark.parametrize("group, lengths", [(1, [3, 2, 1]), (2, [5, 1]), (0, [5, 1])])
def test_groups(write, nlp, group, lengths):
    docs = read_docs(write("a.conll", CONLL_2003), nlp, columns=COLUMNS, group=group)
    assert [len(doc) for doc in docs] == lengths


def test_a_border_without_blank_lines(write, nlp):
    text = "EU B-ORG\n-DOCSTART- O\nAna B-PER\n"
    docs = read_docs(write("a.iob", text), nlp, columns=["form", "ner"], group=0)
    assert [ents(doc) for doc in docs] == [[("EU", "ORG")], [("Ana", "PER")]]


def test_no_borders_is_one_document(write, nlp):
    text = "EU O\n\n\nAna O\n"
    (doc,) = read_docs(write("a.iob", text), nlp, columns=["form", "ner"], group=0)
    assert sentences(doc) == ["EU", "Ana"]


@pytest.mark.parametrize(
    "tags",
    [
        "B-A I-A B-A O B-B",  # IOB2
        "I-A I-A B-A O I-B",  # IOB1
        "B-A L-A U-A O U-B",  # BILUO
        "B-A E-A S-A O S-B",  # IOBES
        "B_A E_A S_A O W_B",  # BMEWO, with underscores
    ],
)
def test_schemes(write, nlp, tags):
    text = "".join(f"w\t{tag}\n" for tag in tags.split())
    (doc,) = read_docs(write("a.bio", text), nlp, columns=["form", "ner"])
    assert iob(doc) == ["B-A", "I-A", "B-A", "O", "B-B"]


def test_labels_without_a_letter_are_io_and_said(write, nlp):
    text = "Ana PER\nLee PER\nmet O\nBo PER\n\nHi O\n"
    docs = read_docs(write("a.bio", text), nlp, columns=["form", "ner"])
    ((what, remarked),) = docs.remarks.items()
    assert "read as IO" in what and (remarked.example, remarked.records) == ("PER", 1)
    assert [iob(doc) for doc in docs] == [["B-PER", "I-PER", "O", "B-PER"], ["O"]]


def test_universal_ner(write, nlp):
    first, second = read_docs(write("a.iob2", UNER), nlp)
    assert first.text == "Ana's in Rio."
    assert ents(first) == [("Ana", "PER"), ("Rio", "LOC")]
    assert [token.text for token in second] == ["It", "is"]
    assert second.has_unknown_spaces  # `# text` has the multiword token in its own form


def test_all_columns_and_missing_values(write, nlp):
    text = "Ana\tNNP\tPROPN\tNumber=Sing\tO\nsaw\t_\t_\t_\t_\nRio\t_\t_\t_\t-\n"
    names = ["form", "tag", "pos", "morph", "ner"]
    (doc,) = read_docs(write("a.conll", text), nlp, columns=names)
    assert tags(doc) == ["NNP", "", ""]
    assert [token.pos_ for token in doc] == ["PROPN", "", ""]
    assert [str(token.morph) for token in doc] == ["Number=Sing", "", ""]
    assert iob(doc) == ["O", "", ""]


def test_hash_is_a_token_without_ids(write, nlp):
    (doc,) = read_docs(write("a.iob", "# O\n1 O\n"), nlp, columns=["form", "ner"])
    assert doc.text == "# 1 "


@pytest.mark.parametrize(
    "text, columns",
    [
        ("# id 3\tdomain=en\nAna _ _ B-X\n# _ _ O\n", "form,_,_,ner"),
        ("# id 3\tdomain=en\nAna\tB-X\n#\tO\n", "form,ner"),
        ("# id = 3\nAna NNP x B-X\n# # x O\n", "form,tag,_,ner"),
        ("# source file a.txt\nAna _ B-X\n# _ O\n", "form,_,ner"),
        ("# train part\nAna NNP X\n# # O\n", "form,tag,ner"),
        ("# 3\nAna B-X\n# O\n", "form,ner"),
        ("#\tthe source [2005]\nB-X\t_\tAna\tx\nO\t_\t#\tx\n", "ner,_,form,_"),
        ("#begin document (a); part 0\nAna NNP _ _ B-X\n# # _ _ -\n", "form,tag,_,_,ner"),
        ("## sent 1\nAna NNP SYM\n# # SYM\n", "form,tag,pos"),
    ],
)
def test_comments_are_told_from_tokens(write, nlp, text, columns):
    (doc,) = read_docs(write("a.conll", text), nlp, columns=columns.split(","))
    assert [token.text for token in doc] == ["Ana", "#"]


@pytest.mark.parametrize("comment, n", [("# train part", 1), ("# sent_id = 1", 0)])
def test_comments_of_no_known_kind_are_said(write, nlp, comment, n):
    docs = read_docs(write("a.conll", comment + "\nAna O\n"), nlp, columns=["form", "ner"])
    assert sum("taken for comments" in what for what in docs.remarks) == n


@pytest.mark.parametrize(
    "text", ["#Rio\tB-X\n#\tO\n#id\tO\n", "#Rio X\n# X\nAna X\n#text O\nof O\n"]
)
def test_hashtags_are_tokens(write, nlp, text):
    docs = read_docs(write("a.iob", text), nlp, columns=["form", "ner"])
    assert not any("comments" in what for what in docs.remarks)
    assert len(next(docs)) == text.count("\n")


@pytest.mark.parametrize(
    "prefix, words",
    [(None, ["%%", "Ana"]), ("%%", ["Ana"]), ("#", ["%%", "Ana"]), ("", ["#", "%%", "Ana"])],
)
def test_comments_by_option(write, nlp, prefix, words):
    path = write("a.conll", "# 1 2\n%% x O\nAna x O\n".replace("# 1 2", "# id O"))
    docs = read_docs(path, nlp, columns=["form", "_", "ner"], comments=prefix)
    assert [[token.text for token in doc] for doc in docs] == [words]


def test_classes_in_comments_without_equals_signs_around(write, nlp):
    text = "# id 7\tdomain=sport\nAna O\n\n# id 8\tdomain=news\nHi O\n"
    path = write("a.conll", text)
    docs = read_docs(path, nlp, columns=["form", "ner"], cats_from=["domain"])
    assert [doc.cats for doc in docs] == [
        {"domain=news": 0.0, "domain=sport": 1.0},
        {"domain=news": 1.0, "domain=sport": 0.0},
    ]


def test_label_studios_conll(write, nlp):
    text = "-DOCSTART- -X- O\nAna -X- _ B-PER\nLee -X- _ I-PER\n\nHi -X- _ O\n"
    first, second = read_docs(write("a.conll", text), nlp)
    assert ents(first) == [("Ana Lee", "PER")]
    assert iob(second) == ["O"]
    assert tags(first) == ["", ""]


@pytest.mark.parametrize("columns", ["{} B-X", "{} NNP B-X", "{} NNP x y B-X"])
def test_ner_as_spacy_convert_takes_it(write, nlp, columns):
    (doc,) = read_docs(write("a.ner", columns.format("Ana") + "\n"), nlp)
    assert ents(doc) == [("Ana", "X")]
    assert tags(doc) == ["NNP" if "NNP" in columns else ""]


def test_no_break_space_separates_nothing(write, nlp):
    (doc,) = read_docs(write("a.iob", "10\u00a0000 O\n"), nlp, columns=["form", "ner"])
    assert [token.text for token in doc] == ["10\u00a0000"]


@pytest.mark.parametrize(
    "text, line, message",
    [
        ("EU O\n\nAna\n", 3, "Expected 2 columns separated by spaces as on line 1, got 1"),
        ("EU\tO\nAna O\n", 2, "Expected 2 columns separated by tabs as on line 1, got 1"),
        ("EU\n", 1, r"Expected at least 2 columns \(form,ner\), got 1"),
        ("EU B-ORG\n\nAna PER\n", 3, "entity tag .* got 'PER'"),
        ("EU B-ORG\n\nAna O\nRio I-LOC\n", 4, "order that IOB2 allows .* got 'I-LOC' after 'O'"),
        ("EU B-ORG\n\nI-LOC I-LOC\n", 3, "got 'I-LOC' at the start of a sentence"),
        ("EU B-ORG\nAna U-PER\n", 2, "order that BILUO allows .* got 'U-PER' after 'B-ORG'"),
        ("EU U-ORG\nAna B-PER\n", 2, "Expected 'L-PER' to end the entity"),
        ("EU O\n\tO\n", 2, "Expected 2 columns"),
    ],
)
def test_errors_have_the_line(write, nlp, text, line, message):
    with pytest.raises(FormatError, match=message) as caught:
        list(read_docs(write("a.iob", text), nlp, columns=["form", "ner"]))
    assert caught.value.line == line


def test_an_empty_form(write, nlp):
    with pytest.raises(FormatError, match=r"a\.iob:2: Expected a token, got an empty one"):
        list(read_docs(write("a.iob", "EU\tO\n\tO\n"), nlp, columns=["form", "ner"]))


@pytest.mark.parametrize(
    "text, message",
    [
        ("1\tAna\tO\nx\tRio\tO", r"a\.iob2:2: Expected an ID .* got 'x'"),
        ("1-2\tdu\tO", r"a\.iob2:1: Expected a word, got none"),
    ],
)
def test_wrong_ids(write, nlp, text, message):
    with pytest.raises(FormatError, match=message):
        list(read_docs(write("a.iob2", text), nlp))


@pytest.mark.parametrize(
    "columns, message",
    [
        ([], "names for the columns"),
        (["tag"], "with 'form' among them, got tag"),
        (["form", "stem"], "out of form, tag, .* got form,stem"),
        (["form", "dep"], "both columns, head and dep, or none, got form,dep"),
        (["form", "ner", "ner"], "each column once"),
    ],
)
def test_wrong_columns(write, nlp, columns, message):
    with pytest.raises(MTLError, match=message):
        read_docs(write("a.iob", "EU O\n"), nlp, columns=columns)
