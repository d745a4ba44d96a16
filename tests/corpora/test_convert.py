import errno

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus

from spacy_mtl.corpora import convert as convert_module
from spacy_mtl.corpora import convert_file, present_layers, read_docs
from spacy_mtl.errors import FormatError, MTLError

from .helpers import CONLLU, ents, iob, tabbed

SOURCES = {
    "full.conllu": CONLLU,
    "partial.conllu": tabbed(
        """1 Ana _ _ NNP _ _ _ _ NER=O
2 saw _ VERB _ Tense=Past _ _ _ _
3 Rio _ _ _ _ _ _ _ NER=B-LOC"""
    ),
    "a.iob2": tabbed("1 Ana B-PER - x\n2 Rio O - x\n\n1 Hm O - x"),
    "a.jsonl": '{"text": "a b", "entities": [], "spans": {"sc": []}}\n'
    '{"text": "c", "label": "x"}\n',
    "a.csv": "text,label\nAna can't,x\n b ,\n",
}


def content(doc: Doc) -> dict[str, object]:
    """All that a conversion has to keep."""
    attrs = ["ORTH", "SPACY", "TAG", "POS", "MORPH", "ENT_IOB", "ENT_TYPE", "SENT_START"]
    return {
        "tokens": doc.to_array(attrs).tolist(),
        "morphs": [str(token.morph) for token in doc],
        "spans": {key: [(s.start, s.end, s.label_) for s in doc.spans[key]] for key in doc.spans},
        "cats": doc.cats,
        "spaces": doc.has_unknown_spaces,
        "layers": present_layers(doc),
    }


@pytest.mark.parametrize("name", SOURCES)
def test_the_file_has_what_the_docs_have(write, tmp_path, nlp, name):
    path = write(name, SOURCES[name])
    conversion = convert_file(path, tmp_path / "out.spacy", nlp)
    docs = list(read_docs(path, nlp))
    back = list(DocBin().from_disk(tmp_path / "out.spacy").get_docs(spacy.blank("en").vocab))
    assert [content(doc) for doc in back] == [content(doc) for doc in docs]
    assert conversion.docs == len(docs)
    assert conversion.tokens == sum(map(len, docs))


@pytest.mark.parametrize("name", SOURCES)
def test_spacy_reads_it_for_training(write, tmp_path, nlp, name):
    path = write(name, SOURCES[name])
    convert_file(path, tmp_path / "out.spacy", nlp)
    fresh = spacy.blank("en")
    examples = list(Corpus(tmp_path / "out.spacy")(fresh))
    docs = list(read_docs(path, nlp))
    assert [eg.predicted.text for eg in examples] == [doc.text for doc in docs]
    assert [present_layers(eg.reference) for eg in examples] == [present_layers(d) for d in docs]
    assert [present_layers(eg.predicted) for eg in examples] == [set()] * len(docs)


def test_missing_and_empty_stay_apart_for_training(write, tmp_path, nlp):
    convert_file(write("a.conllu", SOURCES["partial.conllu"]), tmp_path / "out.spacy", nlp)
    (example,) = Corpus(tmp_path / "out.spacy")(spacy.blank("en"))
    assert iob(example.reference) == ["O", "", "B-LOC"]
    assert example.get_aligned("TAG", as_string=True) == ["NNP", "", ""]
    assert example.get_aligned_ner() == ["O", None, "U-LOC"]


def test_counts(write, tmp_path, nlp):
    path = write("a.conllu", CONLLU)
    conversion = convert_file(path, tmp_path / "out.spacy", nlp, cats_from=["genre"], group=2)
    assert (conversion.docs, conversion.tokens) == (2, 6)
    assert conversion.units == {
        "tag": 6, "pos": 6, "morph": 6, "lemma": 6, "dep": 6, "ents": 6, "sents": 5, "spans": 0,
        "cats": 2, "values": 0,
    }  # fmt: skip
    assert (conversion.rejected, conversion.errors) == (0, 0)


def test_an_error_leaves_the_old_output(write, tmp_path, nlp):
    output = tmp_path / "out.spacy"
    convert_file(write("a.conllu", CONLLU), output, nlp)
    before = output.read_bytes()
    with pytest.raises(FormatError):
        convert_file(write("b.conllu", CONLLU + "1\tAna\n"), output, nlp)
    assert output.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.conllu", "b.conllu", "out.spacy"]


def test_a_failed_write_leaves_the_old_output(write, tmp_path, nlp, monkeypatch):
    output = tmp_path / "out.spacy"
    output.write_bytes(b"old")

    def write_half(path, data):
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(convert_module.Path, "write_bytes", write_half)
    with pytest.raises(MTLError, match=r"to write .*out\.spacy, got: No space left"):
        convert_file(write("a.conllu", CONLLU), output, nlp)
    assert output.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.conllu", "out.spacy"]


def test_the_folder_is_made(write, tmp_path, nlp):
    output = tmp_path / "new" / "folder" / "out.spacy"
    convert_file(write("a.conllu", CONLLU), output, nlp)
    (doc, *_) = DocBin().from_disk(output).get_docs(nlp.vocab)
    assert ents(doc) == [("Ana", "PER"), ("Rio", "LOC")]


def test_the_output_must_be_seen_by_spacy(write, tmp_path, nlp):
    with pytest.raises(MTLError, match=r"ends in \.spacy, got out\.bin"):
        convert_file(write("a.conllu", CONLLU), tmp_path / "out.bin", nlp)


def test_others_negative(write, tmp_path, nlp):
    path = write(
        "a.jsonl",
        '{"text": "a", "cats": {"g=x": 1}}\n{"text": "b", "cats": {"g=y": 1, "h=z": 0.5}}\n'
        '{"text": "c", "cats": {}}\n{"text": "d"}\n',
    )
    convert_file(path, tmp_path / "out.spacy", nlp, others_negative=True)
    docs = DocBin().from_disk(tmp_path / "out.spacy").get_docs(nlp.vocab)
    assert [doc.cats for doc in docs] == [
        {"g=x": 1.0, "g=y": 0.0},
        {"g=x": 0.0, "g=y": 1.0, "h=z": 0.5},
        {},
        {},
    ]


def test_others_of_labels_and_of_yes_or_no(write, tmp_path, nlp):
    rows = [
        '{"text": "a", "label": "x"}',
        '{"text": "b", "cats": {"y": 1}}',
        '{"text": "c", "label": "z", "answer": "reject", "_is_binary": true}',
    ]
    convert_file(write("a.jsonl", "\n".join(rows)), tmp_path / "o.spacy", nlp, others_negative=True)
    docs = DocBin().from_disk(tmp_path / "o.spacy").get_docs(nlp.vocab)
    assert [doc.cats for doc in docs] == [
        {"x": 1.0, "y": 0.0, "z": 0.0},
        {"x": 0.0, "y": 1.0, "z": 0.0},
        {"z": 0.0},
    ]
