import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pipeline.helpers import annotation, annotations
from pyarrow import parquet
from spacy.language import Language
from spacy.tokens import Doc, DocBin

from spacy_mtl.bulk import Options, annotate_file
from spacy_mtl.confidences import CONFIDENCES, note_tokens
from spacy_mtl.corpora.reading import read_docs
from spacy_mtl.errors import MTLError

from .helpers import annotate, read_jsonl, texts, write_jsonl

TEXTS = texts(10)
IDS = [f"n{i}" for i in range(10)]


def write(folder: Path, format: str, nlp: Language) -> Path:
    """The texts with their ids in a file."""
    path = folder / f"in.{'txt' if format == 'text' else format}"
    rows = [{"id": id, "text": text} for id, text in zip(IDS, TEXTS, strict=True)]
    if format == "jsonl":
        write_jsonl(path, rows)
    elif format == "csv":
        lines = ["id,text", *(f'{row["id"]},"{row["text"]}"' for row in rows)]
        path.write_text("\n".join(lines), encoding="utf-8")
    elif format == "parquet":
        parquet.write_table(pa.Table.from_pylist(rows), path)
    elif format == "text":
        path.write_text("\n".join(TEXTS), encoding="utf-8")
    else:
        docs = [nlp.make_doc(text) for text in TEXTS]
        for doc, id in zip(docs, IDS, strict=True):
            doc.user_data["id"] = id
        DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def read(path: Path, nlp: Language) -> list[dict]:
    """What an output says: the ids, texts and annotation."""
    if path.suffix == ".spacy":
        docs = list(DocBin().from_disk(path).get_docs(nlp.vocab))
        return [{"id": d.user_data.get("id"), "text": d.text, **annotation(d)} for d in docs]
    rows = read_jsonl(path) if path.suffix == ".jsonl" else parquet.read_table(path).to_pylist()
    for row in rows:
        if path.suffix == ".parquet":
            own = json.loads(row.pop("fields", None) or "{}")
            row.update(own, cats={c["label"]: c["value"] for c in row["cats"]})
            row["spans"] = {g["group"]: g["spans"] for g in row["spans"]}
    return [{"id": row.get("id"), "text": row["text"], **_annotation(row, nlp)} for row in rows]


def _annotation(row: dict, nlp: Language) -> dict:
    doc = nlp.make_doc(row["text"])
    assert [token.text for token in doc] == row["tokens"]

    def spans(values: list[dict]) -> list[tuple[int, int, str]]:
        found = [doc.char_span(v["start"], v["end"], label=v["label"]) for v in values]
        return [(span.start, span.end, span.label_) for span in found if span is not None]

    return {
        "tag": row["tags"],
        "pos": row["pos"],
        "morph": row["morphs"],
        "lemma": row["lemmas"],
        "ents": spans(row["entities"]),
        "spans": {key: spans(values) for key, values in row["spans"].items()},
        "cats": {key: round(value, 4) for key, value in sorted(row["cats"].items())},
    }


@pytest.mark.parametrize("into", ["jsonl", "parquet", "spacy"])
@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet", "text", "spacy"])
def test_formats(format: str, into: str, loaded: Path, nlp: Language, tmp_path: Path) -> None:
    output = tmp_path / f"out.{into}"
    summary = annotate(loaded, write(tmp_path, format, nlp), output)
    found = read(output, nlp)
    ids = [None] * 10 if format == "text" else IDS
    expected = annotations(nlp, TEXTS)
    assert [row.pop("id") for row in found] == ids
    assert [row.pop("text") for row in found] == TEXTS
    assert found == expected
    assert any(row["ents"] for row in expected) and any(row["spans"]["things"] for row in expected)
    assert (summary.documents, summary.failed, summary.errors) == (10, 0, None)
    assert summary.words == sum(len(nlp.make_doc(text)) for text in TEXTS)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [f"out.{into}", f"in.{'txt' if format == 'text' else format}"]
    )


@pytest.mark.parametrize("into", ["jsonl", "parquet", "spacy"])
def test_folder_gets_a_file_for_each_part(
    into: str, loaded: Path, nlp: Language, tmp_path: Path
) -> None:
    source = write(tmp_path, "jsonl", nlp)
    annotate(loaded, source, tmp_path / "out", output_format=into)
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == [f"00000{i}.{into}" for i in range(3)]
    found = [row for file in files for row in read(file, nlp)]
    assert [row["id"] for row in found] == IDS


def test_output_of_jsonl_is_read_as_annotation(loaded: Path, nlp: Language, tmp_path: Path) -> None:
    strange = ["  two  spaces\n\nand lines", "Ana's   “quotes”", "x"]
    source = write_jsonl(
        tmp_path / "a.jsonl", [{"text": text, "label": "q", "tags": 3} for text in TEXTS + strange]
    )
    annotate(loaded, source, tmp_path / "out.jsonl")
    docs = list(read_docs(tmp_path / "out.jsonl", nlp))
    assert [doc.text for doc in docs] == TEXTS + strange
    assert [annotation(doc) for doc in docs] == annotations(nlp, TEXTS + strange)
    assert read_jsonl(tmp_path / "out.jsonl")[0]["input_label"] == "q"


def test_own_fields_keep_their_values_and_types(loaded: Path, tmp_path: Path) -> None:
    table = pa.table(
        {
            "body": ["Ana", "Bob"],
            "n": pa.array([1, None], pa.int16()),
            "tags": [["a"], []],
            "kind": pa.array(["x", "y"]).dictionary_encode(),
            "when": pa.array([0, 1], pa.timestamp("ms")),
            "text": ["other", "one"],
        }
    )
    parquet.write_table(table, tmp_path / "in.parquet")
    annotate(loaded, tmp_path / "in.parquet", tmp_path / "out.parquet", text_field="body")
    found = parquet.read_table(tmp_path / "out.parquet")
    for name in ("n", "tags", "kind", "when", "text"):
        new = f"input_{name}" if name in ("tags", "text") else name
        assert found[new].to_pylist() == table[name].to_pylist()
        assert found.schema.field(new).type.equals(table.schema.field(name).type)
    assert found["text"].to_pylist() == ["Ana", "Bob"]
    annotate(loaded, tmp_path / "in.parquet", tmp_path / "out.jsonl", text_field="body")
    assert read_jsonl(tmp_path / "out.jsonl")[1]["when"] == "1970-01-01T00:00:00.001000"


def test_tokens_and_user_data_of_docs_stay(loaded: Path, nlp: Language, tmp_path: Path) -> None:
    doc = Doc(nlp.vocab, words=["New York", "trains"], ents=["B-GOLD", "O"])
    doc.user_data[("._.", "x", None, None)] = 3
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "in.spacy")
    annotate(loaded, tmp_path / "in.spacy", tmp_path / "out.spacy")
    (found,) = DocBin().from_disk(tmp_path / "out.spacy").get_docs(nlp.vocab)
    assert [token.text for token in found] == ["New York", "trains"]
    assert found.user_data == doc.user_data
    assert found.has_annotation("TAG")
    assert "GOLD" not in {ent.label_ for ent in found.ents}


def test_confidences_of_the_input_are_left_behind(
    loaded: Path, nlp: Language, tmp_path: Path
) -> None:
    doc = Doc(nlp.vocab, words=["New", "York"], tags=["N", "N"])
    note_tokens(doc, "TAG", doc.to_array("TAG"), np.ones(2), np.zeros(2, dtype=bool))
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "in.spacy")
    annotate(loaded, tmp_path / "in.spacy", tmp_path / "out.spacy")
    (found,) = DocBin().from_disk(tmp_path / "out.spacy").get_docs(nlp.vocab)
    assert doc.user_data and not found.user_data
    annotate(loaded, tmp_path / "in.spacy", tmp_path / "out.jsonl")
    assert CONFIDENCES not in read_jsonl(tmp_path / "out.jsonl")[0]


def test_without_tokens(loaded: Path, nlp: Language, tmp_path: Path) -> None:
    annotate(loaded, write(tmp_path, "text", nlp), tmp_path / "out.jsonl", tokens=False)
    assert set(read_jsonl(tmp_path / "out.jsonl")[0]) == {"text", "entities", "spans", "cats"}


def test_folder_of_files(loaded: Path, nlp: Language, tmp_path: Path) -> None:
    (tmp_path / "in" / "b").mkdir(parents=True)
    write_jsonl(tmp_path / "in" / "a.jsonl", [{"text": "Ana"}, {"text": "boom"}])
    write_jsonl(tmp_path / "in" / "b" / "c.jsonl", [{"text": "Bob"}])
    annotate(loaded, tmp_path / "in", tmp_path / "out.jsonl")
    assert [row["text"] for row in read_jsonl(tmp_path / "out.jsonl")] == ["Ana", "Bob"]
    (failed,) = read_jsonl(tmp_path / "out.jsonl.errors.jsonl")
    assert (failed["file"], failed["line"]) == (str(tmp_path / "in" / "a.jsonl"), 2)


ODD = ["a\u2028b\u2029", "a\x85b", "\x0b\x0c", "\ufeffx", "", "  ", "Ana\u2003Bob", "\U0010ffff"]
WITH_ENDS = ["a\r\nb", "a\rb\n"]


@pytest.mark.parametrize("into", ["jsonl", "parquet", "spacy"])
@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet", "txt", "spacy"])
def test_odd_characters_stay(
    format: str, into: str, loaded: Path, nlp: Language, tmp_path: Path
) -> None:
    expected = ODD if format == "txt" else ODD + WITH_ENDS
    path = tmp_path / f"in.{format}"
    if format == "parquet":
        parquet.write_table(pa.table({"text": expected}), path)
    elif format == "spacy":
        DocBin(docs=list(map(nlp.make_doc, expected))).to_disk(path)
    else:
        lines = {
            "jsonl": [json.dumps({"text": text}, ensure_ascii=False) for text in expected],
            "csv": ["text,id", *(f'"{text}",1' for text in expected)],
            "txt": expected,
        }[format]
        path.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    output = tmp_path / f"out.{into}"
    assert annotate(loaded, path, output).failed == 0
    if into == "jsonl":
        found = [json.loads(line)["text"] for line in output.read_bytes().splitlines()]
    elif into == "parquet":
        found = parquet.read_table(output)["text"].to_pylist()
    else:
        found = [doc.text for doc in DocBin().from_disk(output).get_docs(nlp.vocab)]
    assert found == expected


def test_own_fields_keep_their_names_or_get_others(loaded: Path, tmp_path: Path) -> None:
    row = {"text": "Ana", "tags": 1, "input_tags": 2, "fields": 3, "label": None, "": [4]}
    source = write_jsonl(tmp_path / "in.jsonl", [row])
    annotate(loaded, source, tmp_path / "out.jsonl", tokens=False)
    annotate(loaded, source, tmp_path / "out.parquet")
    own = {"input_input_tags": 1, "input_tags": 2, "fields": 3, "input_label": None, "": [4]}
    (found,) = read_jsonl(tmp_path / "out.jsonl")
    assert own.items() <= found.items()
    assert json.loads(parquet.read_table(tmp_path / "out.parquet")["fields"][0].as_py()) == own


def test_value_that_the_output_cannot_have(loaded: Path, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", [{"text": "Ana", "n": 1 << 99}, {"text": "Bob"}])
    summary = annotate(loaded, source, tmp_path / "out.spacy")
    assert (summary.documents, summary.failed) == (1, 1)


def test_empty_input(model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").touch()
    for name in ("out.jsonl", "out.parquet", "out.spacy"):
        assert annotate(model, tmp_path / "in.txt", tmp_path / name).documents == 0
        assert (tmp_path / name).is_file()
    assert len(DocBin().from_disk(tmp_path / "out.spacy")) == 0
    assert parquet.read_table(tmp_path / "out.parquet").num_rows == 0


def test_what_is_there_is_not_replaced(loaded: Path, nlp: Language, tmp_path: Path) -> None:
    source = write(tmp_path, "text", nlp)
    output = tmp_path / "out.jsonl"
    output.write_text("precious", encoding="utf-8")
    with pytest.raises(MTLError, match="--overwrite"):
        annotate(loaded, source, output)
    assert output.read_text(encoding="utf-8") == "precious"
    annotate(loaded, source, output, overwrite=True)
    assert len(read_jsonl(output)) == 10
    folder = tmp_path / "folder"
    folder.mkdir()
    annotate(loaded, source, folder)
    (folder / "mine.txt").touch()
    with pytest.raises(MTLError, match="mine.txt"):
        annotate(loaded, source, folder, overwrite=True)
    (folder / "mine.txt").unlink()
    annotate(loaded, source, folder, overwrite=True, part_size=10)
    assert [path.name for path in folder.iterdir()] == ["000000.spacy"]


def test_overwriting_removes_the_failures_of_before(loaded: Path, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": "boom"}])
    annotate(loaded, source, tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl.errors.jsonl").exists()
    write_jsonl(source, [{"text": "Ana"}])
    annotate(loaded, source, tmp_path / "out.jsonl", overwrite=True)
    assert not (tmp_path / "out.jsonl.errors.jsonl").exists()


@pytest.mark.parametrize(
    ("source", "output", "options", "message"),
    [
        ("missing.txt", "o.jsonl", {}, "missing.txt"),
        ("a.txt", "o.csv", {}, "--output-format"),
        ("a.txt", "a.txt", {"output_format": "jsonl"}, "apart from the input"),
        (".", "o.jsonl", {"input_format": "text"}, "apart from the input"),
        (".", "o.jsonl", {}, "files of one format"),
        ("a.docx", "o.jsonl", {}, "--input-format"),
        ("a.jsonl.gz", "o.jsonl", {}, "not compressed"),
        ("p.jsonl.errors.jsonl", "p.jsonl", {"overwrite": True}, "apart from the input"),
        ("a.csv", "o.jsonl", {}, "'text'"),
        ("a.csv", "o.jsonl", {"text_field": "x"}, "different names"),
        ("-", "o.jsonl", {"resume": True}, "stdin"),
        ("-", "o.jsonl", {"input_format": "parquet"}, "stdin"),
        ("bad.parquet", "o.jsonl", {}, "bad.parquet"),
        ("bad.spacy", "o.jsonl", {}, "bad.spacy"),
        ("a.txt", "a.txt/o.jsonl", {}, "apart|write"),
        ("a.txt", "bad.spacy/o.jsonl", {}, "Expected to be able to write"),
    ],
)
def test_what_cannot_be(
    source: str,
    output: str,
    options: dict,
    message: str,
    loaded: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.jsonl.errors.jsonl").write_text('{"text": "Ana"}', encoding="utf-8")
    for name in ("a.txt", "a.docx", "a.jsonl.gz", "bad.parquet", "bad.spacy"):
        Path(name).write_text("Ana", encoding="utf-8")
    Path("a.csv").write_text("x,y,x\n1,2,3", encoding="utf-8")
    with pytest.raises(MTLError, match=message):
        annotate_file(str(loaded), source, output, Options(**options))
    assert not Path("o.jsonl").exists()


def test_no_such_pipeline(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Ana", encoding="utf-8")
    with pytest.raises(MTLError, match="no_such_model"):
        annotate_file("no_such_model", tmp_path / "a.txt", tmp_path / "o.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt"]


def test_long_documents_make_small_parts(
    loaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spacy_mtl.bulk.parts.PART_CHARACTERS", 100)
    (tmp_path / "a.txt").write_text("\n".join(["Ana " * 20] * 5), encoding="utf-8")
    annotate(loaded, tmp_path / "a.txt", tmp_path / "out", part_size=1000)
    assert len(list((tmp_path / "out").iterdir())) == 3


@pytest.mark.parametrize(
    ("input", "output"), [("in.jsonl", "."), ("in.jsonl", f"{'x' * 250}.jsonl"), ("x" * 300, "out")]
)
def test_names_that_no_file_can_have(loaded: Path, input: str, output: str) -> None:
    with pytest.raises(MTLError, match="Expected the name"):
        annotate_file(str(loaded), input, output)
