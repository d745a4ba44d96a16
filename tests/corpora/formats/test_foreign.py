import pytest

from spacy_mtl.corpora import read_docs
from spacy_mtl.errors import MTLError


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.spacy", b"x", "It is a .spacy file already"),
        ("prodigy.db", b"SQLite format 3\0...", "prodigy db-out"),
        ("a.parquet", b"PAR1", "Parquet.*JSON lines"),
        ("a.xlsx", b"PK\x03\x04", "CSV"),
        ("a.jsonl.gz", b"\x1f\x8b\x08", "Unpack"),
        ("a.xml", b'<?xml version="1.0"?>\n<GateDocument version="3">', "looks like GATE XML"),
        ("a.xmi", b'<?xml version="1.0"?><xmi:XMI xmlns:xmi="x">', "WebAnno TSV 3"),
        ("a.xml", b"<?xml version='1.0'?>\n<TEI xmlns='x'>", "TEI"),
        ("a.xml", b"<?xml version='1.0'?>\n<notes/>", "looks like XML"),
        ("a.gold_conll", b"#begin document (bc/x); part 000\n", "CoNLL-2012"),
        ("a.conll", b"#begin document (bc/x); part 000\nbc 0 0 Ann NNP (PER)\n", "CoNLL-2012"),
        ("a.conll", b"Ann NNP x B-PER\n", "--columns form,_,_,ner"),
        ("a.tsv", b"Ann\tB-PER\nleft\tO\n", "Expected names for the columns .* form,ner"),
        ("a.txt", b"Ann left.", "Name its format"),
    ],
)
def test_what_it_looks_like_and_what_to_do(tmp_path, nlp, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MTLError, match=message):
        read_docs(tmp_path / name, nlp)


def test_brackets_named_as_tags(write, nlp):
    path = write("a.conll", "#begin document (x); part 0\nbc 0 0 Ann NNP (PER)\n")
    with pytest.raises(MTLError, match="Expected entity tags .* CoNLL-2012"):
        read_docs(path, nlp, columns=["_", "_", "_", "form", "tag", "ner"])
    (doc,) = read_docs(path, nlp, columns=["_", "_", "_", "form", "tag"])
    assert doc[0].tag_ == "NNP"


@pytest.mark.parametrize("content", ['[{"text": "a", "label": "x"}]', '[\n{"text": "a"}\n]'])
def test_a_list_in_jsonl(write, nlp, content):
    (doc,) = read_docs(write("a.jsonl", content), nlp)
    assert doc.text == "a"
