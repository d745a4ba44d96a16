import json
import runpy
from pathlib import Path

import pytest
from spacy.cli import app as spacy_app
from spacy.tokens import DocBin
from spacy.util import get_lang_class
from typer.testing import CliRunner

import spacy_mtl.cli
from spacy_mtl.corpora.formats import format_names

ROW = "\t_" * 8
CONLLU = f"""# newdoc
# genre = news
1\tAna{ROW[:-1]}NER=B-PER

1\tHm{ROW[:-1]}NER=O

# newdoc
# genre = blog
1\tSo{ROW[:-1]}NER=O
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.conllu"
    path.write_text(CONLLU, encoding="utf-8")
    return path


def invoke(*args, app=spacy_mtl.cli.app):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def docs(path: Path):
    return list(DocBin().from_disk(path).get_docs(get_lang_class("en")().vocab))


def test_summary(source, tmp_path):
    output = tmp_path / "out.spacy"
    result = invoke("convert", source, output, "-n", 10, "--cats-from", "genre")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"{output}: 2 docs, 3 tokens",
        "  ents             3 tokens labelled",
        "  sents            2 tokens labelled",
        "  cats             2 docs labelled",
    ]
    assert result.stderr == ""
    assert [doc.cats["genre=news"] for doc in docs(output)] == [1.0, 0.0]


def test_mounted_in_spacy(source, tmp_path):
    result = invoke("mtl", "convert", source, tmp_path / "out.spacy", app=spacy_app)
    assert result.exit_code == 0, result.output
    assert len(docs(tmp_path / "out.spacy")) == 3


def test_errors_stop_with_one_line(source, tmp_path):
    source.write_text(CONLLU + "\n1\tAna\n", encoding="utf-8")
    for prefix, app in [([], spacy_mtl.cli.app), (["mtl"], spacy_app)]:
        result = invoke(*prefix, "convert", source, tmp_path / "out.spacy", app=app)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.splitlines() == [
            f"✘ {source}:11: Expected 10 columns separated by tabs, got 2. Is it CoNLL-U? For "
            "other columns use the format 'columns'."
        ]
        assert not (tmp_path / "out.spacy").exists()


def test_skip_shows_some_errors_and_counts_all(source, tmp_path):
    source.write_text(CONLLU + "\n1\tAna\n" * 30, encoding="utf-8")
    output = tmp_path / "out.spacy"
    result = invoke("convert", source, output, "--on-error", "skip")
    assert result.exit_code == 0, result.output
    assert "30 left out because of an error" in result.stdout
    lines = result.stderr.splitlines()
    assert lines[0].startswith(f"left out: {source}:11: Expected 10 columns")
    assert lines[20:] == ["left out: 10 more"]
    assert len(docs(output)) == 3


def test_contradictory_answers_are_listed(tmp_path):
    rows = []
    for i in range(23):
        asked = {"text": f"text {i}", "label": "spam", "_is_binary": True}
        rows += [{**asked, "answer": answer} for answer in ("accept", "reject")]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    result = invoke("convert", path, tmp_path / "a.spacy")
    assert "contradictory answers, left out: 23" in result.stdout
    assert "class 'spam' of 'text 19' accepted (line 39), rejected (line 40)" in result.stdout
    assert "and 3 more" in result.stdout and "text 20" not in result.stdout


def test_rejected_records_are_mentioned(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b", "answer": "reject"}\n', encoding="utf-8")
    result = invoke("convert", path, tmp_path / "out.spacy")
    assert "1 left out as rejected" in result.stdout


def test_columns_layers_and_language(tmp_path):
    path = tmp_path / "eng.train"
    path.write_text("EU NNP B-NP B-ORG\n", encoding="utf-8")
    output = tmp_path / "out.spacy"
    args = ["--columns", "form, tag,_,ner", "--layers", "ents", "--lang", "de"]
    result = invoke("convert", path, output, *args)
    assert result.exit_code == 0, result.output
    (doc,) = docs(output)
    assert [ent.label_ for ent in doc.ents] == ["ORG"]
    assert not doc.has_annotation("TAG")


def test_csv_with_two_class_groups(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("body,mood,topic\nFine day,glad,sky\n", encoding="utf-8")
    args = ["--text-column", "body", "--cats-from", "mood", "--cats-from", "topic"]
    result = invoke("convert", path, tmp_path / "out.spacy", *args)
    assert result.exit_code == 0, result.output
    (doc,) = docs(tmp_path / "out.spacy")
    assert doc.cats == {"mood=glad": 1.0, "topic=sky": 1.0}


@pytest.mark.parametrize(
    "args, message",
    [
        (["--lang", "klingon"], "code of a language, such as 'en', got 'klingon'"),
        (["--layers", "ner"], "Expected a layer out of"),
        (["--format", "columns"], "names for the columns"),
    ],
)
def test_wrong_options(source, tmp_path, args, message):
    result = invoke("convert", source, tmp_path / "out.spacy", *args)
    assert result.exit_code == 1
    assert message in result.stderr


def test_run_as_a_module(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["spacy_mtl", "--help"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("spacy_mtl", run_name="__main__")
    assert caught.value.code == 0
    assert "python -m spacy_mtl" in capsys.readouterr().out


def test_help_has_examples():
    result = invoke("convert", "--help")
    assert (
        "spacy mtl convert train.conllu train.spacy --group 10 --cats-from genre" in result.output
    )


def test_help_has_all_formats():
    shown = invoke("convert", "--help").output.split()
    assert {f"{name}," for name in format_names()} <= set(shown)


def test_folder_becomes_splits(tmp_path: Path) -> None:
    source = tmp_path / "assets"
    source.mkdir()
    (source / "README.md").write_text("about", encoding="utf8")
    (source / "moods.csv").write_text("text,mood\nfine,good\nawful,bad\n", encoding="utf8")
    (source / "en-x-dev.jsonl").write_text('{"text": "ok", "label": "good"}\n', encoding="utf8")
    result = CliRunner().invoke(
        spacy_mtl.cli.app, ["convert", str(source), str(tmp_path / "corpus"), "--cats-from", "mood"]
    )
    assert result.exit_code == 0, result.output
    written = sorted(p.relative_to(tmp_path / "corpus") for p in tmp_path.rglob("*.spacy"))
    assert [str(p) for p in written] == ["dev/en-x-dev_jsonl.spacy", "train/moods_csv.spacy"]


def test_folder_without_annotated_files(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        spacy_mtl.cli.app, ["convert", str(tmp_path), str(tmp_path / "corpus")]
    )
    assert result.exit_code == 1
    assert "Expected files that end in" in result.output


def test_absent_class_group_is_reported(source: Path, tmp_path: Path) -> None:
    result = invoke("convert", source, tmp_path / "out.spacy", "--cats-from", "gnere")
    assert result.exit_code == 0, result.output
    assert "no value of 'gnere'" in result.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "assets"
    folder.mkdir()
    (folder / "a.csv").write_text("text,label\nfine,good\n", encoding="utf8")
    (folder / "z.csv").write_text("text,label\nawful,bad\n", encoding="utf8")
    return folder


def test_folder_is_converted_as_a_whole_or_not_at_all(folder: Path, tmp_path: Path) -> None:
    (folder / "z.csv").write_text("nothing here", encoding="utf8")
    result = invoke("convert", folder, tmp_path / "corpus")
    assert result.exit_code == 1
    assert "z.csv" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["assets"]


def test_folder_names_what_it_passes_over(folder: Path, tmp_path: Path) -> None:
    (folder / "names.txt").write_text("Ana B-PER", encoding="utf8")
    result = invoke("convert", folder, tmp_path / "corpus")
    assert result.exit_code == 0
    assert "names.txt" in result.stderr


def test_folder_does_not_mix_with_other_files(folder: Path, tmp_path: Path) -> None:
    assert invoke("convert", folder, tmp_path / "corpus").exit_code == 0
    assert invoke("convert", folder, tmp_path / "corpus").exit_code == 0
    (folder / "z.csv").rename(folder / "y.csv")
    result = invoke("convert", folder, tmp_path / "corpus")
    assert result.exit_code == 1
    assert "z_csv.spacy" in result.stderr
    assert not (tmp_path / "corpus" / "train" / "y_csv.spacy").exists()


def test_nothing_labelled_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,mood\nfine,good\n", encoding="utf8")
    result = invoke("convert", tmp_path / "a.csv", tmp_path / "a.spacy")
    assert result.exit_code == 0
    assert "nothing in" in result.stderr


def test_folder_says_where_each_file_went(folder: Path, tmp_path: Path) -> None:
    (folder / "val").mkdir()
    (folder / "val" / "a.csv").write_text("text,label\nso so,good\n", encoding="utf8")
    (folder / "z.csv").rename(folder / "validated.csv")
    result = invoke("convert", folder, tmp_path / "corpus")
    assert result.exit_code == 0, result.output
    for line in ("a.csv (train): 1 docs", "val/a.csv (dev): 1 docs", "validated.csv (train): 1"):
        assert f"{folder}/{line}" in result.stdout
    assert f"{folder}/validated.csv is taken as train, though it says 'validated'" in result.stderr
    assert len(docs(tmp_path / "corpus" / "dev" / "a_csv.spacy")) == 1


def test_what_was_not_used_is_told_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = '{"text": "a", "mood": "glad", "label": "x"}\n{"text": "b", "label": -1}\n'
    path.write_text(rows, encoding="utf8")
    result = invoke("convert", path, tmp_path / "a.spacy")
    assert result.stdout.splitlines()[-2:] == [
        "  field 'mood' was not used (--cats-from mood or, if it is a layer of your own, "
        "--code FILE): 1 rows, such as 'glad'",
        "  '-1' as label was taken as missing (--missing '' keeps it): 1 rows, such as 'b'",
    ]
    result = invoke("convert", path, tmp_path / "a.spacy", "--cats-from", "mood", "--missing", "")
    unused = "field 'label' was not used (--cats-from label or --values-from label or, if it"
    assert unused in result.stdout
    assert invoke("convert", path, tmp_path / "b.spacy", "--missing", "").exit_code == 0
    assert [doc.cats["-1"] for doc in docs(tmp_path / "b.spacy")] == [0.0, 1.0]
    assert [doc.cats for doc in docs(tmp_path / "a.spacy")] == [{"mood=glad": 1.0}, {}]


def test_many_remarks_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    names = [f"c{'x' * i}" for i in range(1, 30)]
    path.write_text(f"text,{','.join(names)}\nfine{',y' * len(names)}\n", encoding="utf8")
    result = invoke("convert", path, tmp_path / "a.spacy")
    assert result.stdout.splitlines()[-1] == "  and 9 remarks more"


def test_options_of_reading(tmp_path: Path) -> None:
    row = "1\tAna" + "\t_" * 7
    path = tmp_path / "a.conllu"
    path.write_text(f"{row}\tT=B-PER\n2{row[1:]}\t_\n", encoding="utf8")
    output = tmp_path / "a.spacy"
    assert invoke("convert", path, output, "--ner-from", "t", "--outside").exit_code == 0
    assert [token.ent_iob_ for token in docs(output)[0]] == ["B", "O"]
    result = invoke("convert", path, output, "--ner-from", "u")
    assert "no value of 'u'" in result.stderr
    path = tmp_path / "a.tsv"
    path.write_text('text\tlabel\n"fine"\tgood\n', encoding="utf8")
    for option, text in [("--quotes", "fine"), ("--no-quotes", '"fine"')]:
        assert invoke("convert", path, output, option).exit_code == 0
        assert docs(output)[0].text == text
