"""Files for `spacy mtl convert`, and `.spacy` files, that are whole, damaged, or something else."""

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from spacy.language import Language
from spacy.tokens import Doc, DocBin

from spacy_mtl.corpora import convert_file, read_docs
from spacy_mtl.corpora.coverage import measure
from spacy_mtl.corpora.readers import gold_token_examples
from spacy_mtl.errors import FormatError, MTLError

from .checks import run_file, run_stored
from .file_strategies import FileCase, StoredCase, file_cases, stored_cases
from .outcomes import ACCEPTED, LENGTH, outcome_of
from .pipelines import stored_files

CASES = settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
LINE = b"1\tAna\tAna\tNOUN\tN\t%s\t_\t_\t_\tNER=O\n"
RANGE = b"%s\tdu\t_\t_\t_\t_\t_\t_\t_\t_\n"


@pytest.fixture(scope="module")
def nlp() -> Language:
    return spacy.blank("xx")


@CASES
@given(file_cases())
def test_no_file_crashes(case: FileCase) -> None:
    outcome = outcome_of(run_file, case)
    assert outcome.good, outcome


@pytest.mark.parametrize(
    "name, data, message",
    [
        ("a.jsonl", b'{"text": "Ana', "1: Expected a JSON object on one line"),
        ("a.jsonl", b"[" * 100_000, "1: Expected a JSON object on one line"),
        ("a.jsonl", b'{"text": "A\x00na"}', "1: Expected text in UTF-8, got a NUL character"),
        ("a.jsonl", '{"text": "Ana"}'.encode("utf-16"), "1: Expected text in UTF-8, got the byte"),
        ("a.jsonl", b'{"text": "A\\ud800"}', "got the lone surrogate"),
        ("a.jsonl", b'{"text": "Ana", "cats": {"a": Infinity}}', "a number from 0 to 1 for 'a'"),
        ("a.jsonl", b'{"text": "Ana", "cats": {"a": "yes"}}', "a number from 0 to 1 for 'a'"),
        (
            "a.jsonl",
            b'{"text": "Ana", "entities": [[0, 9, "X"]]}',
            "a span on the borders of tokens",
        ),
        ("a.csv", b'text,label\n"Ana', "Expected fields with a delimiter"),
        (
            "a.csv",
            b"text,label\n" + b"x" * 2_000_000 + b",a\n",
            "got: a row of more than 2,000,000",
        ),
        ("a.csv", b'"te\nxt",' + b"b," * 5000, "'text' in the header, got te xt, b, .*--cats-from"),
        ("a.csv", b"", "Expected one column 'text' in the header, got none"),
        ("a.conllu", LINE % b"Number=SingCase=Nom", "Expected features like"),
        ("a.conllu", LINE % b"Case=", "Expected features like"),
        ("a.conllu", b"9" * 5000 + LINE[1:] % b"_", "Expected an ID like 1, 1-2 or 1.1"),
        ("a.conllu", RANGE % b"1-2" + LINE % b"_", "IDs 1 to 2 for the multiword token 'du' alone"),
        ("a.conllu", RANGE % b"1-1" * 2 + LINE % b"_", "got 1 words, of which other .* have 1"),
        (
            "a.jsonl",
            b'{"text": "A' + b"?" * 9000 + b'"}',
            "2000 punctuation marks and symbols in a row",
        ),
        ("a.conllu", b"", "at least one sentence or document, got none"),
    ],
)
def test_files_that_are_refused(
    nlp: Language, tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(MTLError, match=message) as caught:
        convert_file(tmp_path / name, tmp_path / "out.spacy", nlp)
    assert len(str(caught.value)) <= LENGTH and "\n" not in str(caught.value)
    assert not (tmp_path / "out.spacy").exists()


@pytest.mark.parametrize("depth", [480, 700, *range(960, 1000), 100_000])
def test_deep_json_is_read_or_refused(nlp: Language, tmp_path: Path, depth: int) -> None:
    """Whatever the depth at which Python gives up, and in whichever function."""
    row = b'{"text": "\\u0041na", "cats": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    (tmp_path / "a.jsonl").write_bytes(row)
    with pytest.raises(FormatError, match="a.jsonl:1: Expected a"):
        convert_file(tmp_path / "a.jsonl", tmp_path / "out.spacy", nlp)


@pytest.mark.parametrize("limit", [1000, 100_000_000])
def test_rows_too_long_are_refused_whatever_others_do(
    nlp: Language, tmp_path: Path, limit: int
) -> None:
    """The csv module has one limit for a whole process, which others may set."""
    rows = ["text,label", "Ana,a", f'"{"x" * 1_500_000}', f'{"y" * 1_500_000}",b', "Rio,c", '"Bob']
    (tmp_path / "a.csv").write_text("\n".join(rows))
    errors: list[FormatError] = []
    before = csv.field_size_limit(limit)
    try:
        docs = list(read_docs(tmp_path / "a.csv", nlp, on_error=errors.append))
    finally:
        csv.field_size_limit(before)
    assert [doc.text for doc in docs] == ["Ana", "Rio"]
    assert [error.line for error in errors] == [3, 6]
    assert "got: a row of more than 2,000,000 characters." in errors[0].message


def test_mixed_newlines_formulas_and_long_lines(nlp: Language, tmp_path: Path) -> None:
    """A cell that a spreadsheet would compute is text like any other."""
    long = "x " * 400_000
    rows = ["text,label\r\n", "=1+1,a\n", "@SUM(A1),b\r\n", f"{long},a\n"]
    (tmp_path / "a.csv").write_text("".join(rows), encoding="utf-8", newline="")
    convert_file(tmp_path / "a.csv", tmp_path / "out.spacy", nlp)
    docs = DocBin().from_disk(tmp_path / "out.spacy").get_docs(nlp.vocab)
    assert [doc.text for doc in docs] == ["=1+1", "@SUM(A1)", long]


@CASES
@given(stored_cases())
def test_no_spacy_file_crashes(case: StoredCase) -> None:
    outcome = outcome_of(run_stored, case)
    assert outcome.good and (outcome.kind == ACCEPTED or not case.whole), outcome


@pytest.mark.parametrize("data", [b"", b"x", stored_files()[0][:-9], b"\x1f\x8b" * 9])
def test_a_spacy_file_that_is_none(nlp: Language, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.spacy").write_bytes(data)
    for read in (measure, lambda path: list(gold_token_examples(path, nlp))):
        with pytest.raises(MTLError, match="Docs in spaCy's binary format .DocBin. in .*a.spacy"):
            read(tmp_path / "a.spacy")


def test_fuzzing_finds_nothing_at_once() -> None:
    pytest.importorskip("atheris", reason="atheris is not installed: it has wheels for few Pythons")
    command = [sys.executable, "-m", "tests.robustness.fuzz_files", "-runs=300", "-seed=1"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("cats", [{1: 1.0}, {None: 1.0}, {b"x": 1.0}, ["x"], "x", 5])
def test_classes_in_a_spacy_file_without_names(nlp: Language, tmp_path: Path, cats: Any) -> None:
    doc = Doc(nlp.vocab, words=["Ana"])
    doc.cats = cats
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "a.spacy")
    for read in (measure, lambda path: list(gold_token_examples(path, nlp))):
        with pytest.raises(MTLError, match="strings as keys as doc.cats, got .*Name the classes"):
            read(tmp_path / "a.spacy")


def test_classes_in_a_spacy_file_that_are_no_numbers(nlp: Language, tmp_path: Path) -> None:
    doc = Doc(nlp.vocab, words=["Ana"])
    doc.cats = {"a": "yes"}
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "a.spacy")
    with pytest.raises(MTLError, match="a number from 0 to 1 for the class 'a' in doc.cats"):
        measure(tmp_path / "a.spacy")
