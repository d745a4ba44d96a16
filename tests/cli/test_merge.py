from pathlib import Path

import pytest
import spacy
from pipeline.helpers import TEXTS, make_nlp, run_spacy, trained

import spacy_mtl.cli  # noqa: F401  adds the commands to spaCy's
from spacy_mtl.cli.merge import _lines
from spacy_mtl.errors import MTLError


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name, tasks, seed in (
        ("tags", ["tagger"], 0),
        ("entities", ["ner"], 0),
        ("more", ["ner"], 1),
    ):
        trained(make_nlp(tasks), 5, seed=seed).to_disk(folder / name)
    return folder


def test_side_by_side(models: Path, tmp_path: Path) -> None:
    output = tmp_path / "both"
    said = run_spacy("mtl", "merge", models / "tags", models / "entities", "-o", output)
    assert "Predicts what each pipeline predicts, on 100 texts." in said
    assert "Saved tok2vec, multitask, tok2vec_2, multitask_2 to" in said
    doc = spacy.load(output)(TEXTS[0])
    assert all(token.tag_ for token in doc)


def test_on_texts_of_a_file(models: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join([*TEXTS, ""]), encoding="utf8")
    pair = [models / "tags", models / "entities"]
    said = run_spacy("mtl", "merge", *pair, "-o", tmp_path / "both", "--texts", texts)
    assert f"on {len(TEXTS)} texts" in said


def test_an_ensemble(models: Path, tmp_path: Path) -> None:
    pair = [models / "entities", models / "more"]
    said = run_spacy("mtl", "merge", *pair, "--ensemble", "-o", tmp_path / "ensemble")
    assert "Saved multitask to" in said
    assert spacy.load(tmp_path / "ensemble")(TEXTS[0]).text == TEXTS[0]


def test_nothing_is_written_over(models: Path, tmp_path: Path) -> None:
    pair = [models / "tags", models / "entities"]
    run_spacy("mtl", "merge", *pair, "-o", tmp_path / "both")
    with pytest.raises(AssertionError, match="Expected a new folder as --output"):
        run_spacy("mtl", "merge", *pair, "-o", tmp_path / "both")
    run_spacy("mtl", "merge", *pair, "-o", tmp_path / "both", "--overwrite")


def test_two_of_one_kind(models: Path, tmp_path: Path) -> None:
    pair = [models / "entities", models / "more"]
    with pytest.raises(AssertionError, match="there is --ensemble"):
        run_spacy("mtl", "merge", *pair, "-o", tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_texts_to_compare_on(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("\ufeffOne text.\n \nAnother.\n", "utf8")
    assert _lines(file) == ["One text.", "Another."]
    file.write_text(" \n", "utf8")
    with pytest.raises(MTLError, match="Expected texts in .*texts.txt, one on a line, got none"):
        _lines(file)
    file.write_bytes("Größe".encode("latin-1"))
    with pytest.raises(MTLError, match="Expected a UTF-8 file as --texts"):
        _lines(file)
