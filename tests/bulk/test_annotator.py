"""Documents that fail, memory, and several processes."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from spacy.language import Language

from spacy_mtl.bulk.annotator import Annotator, Pipeline
from spacy_mtl.bulk.encoding import JsonlEncoder
from spacy_mtl.bulk.parquet import ParquetEncoder
from spacy_mtl.bulk.records import Source
from spacy_mtl.bulk.run import _make_annotator
from spacy_mtl.bulk.sources import Input
from spacy_mtl.bulk.workers import Workers
from spacy_mtl.errors import MTLError

from .conftest import CODE
from .helpers import annotate, read_jsonl, texts, write_jsonl

JSONL = Input(Path("in.jsonl"), (Path("in.jsonl"),), "jsonl", "text")
STATM = Path("/proc/self/statm")
BAD_LINES = {
    '{"text": "boom", "id": 1}': "ValueError: it went boom",
    '{"txt": "x"}': "--text-field",
    '{"text": 3}': "Expected a string in 'text', got int",
    '{"text": null}': "got NoneType",
    '["text"]': "Expected a JSON object, got list",
    "not JSON": "Expected a JSON object",
    '{"text": "x"': "Expected a JSON object",
    "[" * 100_000: "Expected a JSON object",
    '{"text": "a\\u0000b"}': "a NUL character",
    '{"text": "a\x00b"}': "a NUL character",
    '{"text": "\\ud800"}': "the lone surrogate U+D800",
    '{"text": "x", "id": "\\udfff"}': "the lone surrogate U+DFFF",
    '{"text": "\udcff"}': "the byte 0xff",
}


def test_failing_documents_do_not_stop_the_others(
    loaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spacy_mtl.bulk.lines.MAX_LINE", 200_000)
    lines = []
    for i, line in enumerate([*BAD_LINES, '{"text": "' + "x" * 300_000 + '"}']):
        lines += [f'{{"text": "Ana {i}"}}', line]
    data = "\r\n".join([*lines, '{"text": ""}', '{"text": "the end"}'])
    (tmp_path / "in.jsonl").write_bytes(data.encode("utf-8", "surrogateescape"))
    summary = annotate(loaded, tmp_path / "in.jsonl", tmp_path / "out.jsonl", part_size=8)
    found = [row["text"] for row in read_jsonl(tmp_path / "out.jsonl")]
    assert found == [*(f"Ana {i}" for i in range(len(BAD_LINES) + 1)), "", "the end"]
    assert (summary.failed, summary.errors) == (14, tmp_path / "out.jsonl.errors.jsonl")
    failed = read_jsonl(tmp_path / "out.jsonl.errors.jsonl")
    assert [row["line"] for row in failed] == list(range(2, 29, 2))
    for row, message in zip(failed, [*BAD_LINES.values(), "a longer one"], strict=True):
        assert message in row["error"]
        assert "record" in row or 0 < len(row["source"]) <= 1000
    assert failed[0]["record"] == {"id": 1, "text": "boom"}


def test_the_batch_of_a_failing_document_is_annotated(nlp: Language) -> None:
    lines = texts(9)
    expected = annotated(nlp, lines)
    lines.insert(4, "boom")
    assert annotated(nlp, lines) == expected


def test_a_batch_that_fails_as_a_whole_is_told(
    nlp: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, pipe = annotated(nlp, texts(3)), nlp.pipe

    def too_much(docs: Any, **settings: Any) -> Any:
        if len(docs) > 1:
            raise MemoryError("too much at once")
        return pipe(docs, **settings)

    monkeypatch.setattr(nlp, "pipe", too_much)
    with pytest.warns(UserWarning, match="3 documents .*MemoryError: too much at once.*batch-size"):
        assert annotated(nlp, texts(3)) == expected


def annotated(nlp: Language, lines: list[str]) -> list[dict[str, Any]]:
    sources = [Source(i, {"text": text}) for i, text in enumerate(lines, start=1)]
    encoder = JsonlEncoder(tokens=True)
    part = Annotator(nlp, encoder, JSONL, batch_size=5).annotate(sources, lambda n: None)
    rows = [encoder_row(line) for line in part.data.splitlines()]
    assert part.documents == len(rows)
    return rows


def encoder_row(line: bytes) -> dict[str, Any]:
    row = json.loads(line)
    row["cats"] = {label: round(value, 4) for label, value in row["cats"].items()}
    return row


def test_too_long_a_text_fails(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nlp, "max_length", 10)
    sources = [Source(1, {"text": "Ana"}), Source(2, {"text": "x" * 11})]
    part = Annotator(nlp, JsonlEncoder(True), JSONL).annotate(sources, lambda n: None)
    assert part.documents == 1 and b"nlp.max_length" in part.failures[0]


def test_csv_with_bad_rows(loaded: Path, tmp_path: Path) -> None:
    rows = ["id;text", '1;"a;b', 'c"', "2;x;y", '3;"x"y', "4;\x00", "", "5;", '6;"fine ""ok"""']
    (tmp_path / "in.csv").write_text("\n".join(rows), encoding="utf-8")
    annotate(loaded, tmp_path / "in.csv", tmp_path / "out.jsonl")
    found = {row["id"]: row["text"] for row in read_jsonl(tmp_path / "out.jsonl")}
    assert found == {"1": "a;b\nc", "5": "", "6": 'fine "ok"'}
    failed = read_jsonl(tmp_path / "out.jsonl.errors.jsonl")
    assert [row["line"] for row in failed] == [4, 5, 6]


def test_csv_with_a_quote_that_does_not_end(loaded: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('id,text\n1,a\n2,"b\n3,c\n', encoding="utf-8")
    assert annotate(loaded, tmp_path / "in.csv", tmp_path / "out.jsonl").documents == 1
    (failed,) = read_jsonl(tmp_path / "out.jsonl.errors.jsonl")
    assert failed["line"] == 3 and "lines from 3 to 4" in failed["error"]


def test_memory_does_not_grow_with_new_words(nlp: Language) -> None:
    annotator = Annotator(nlp, JsonlEncoder(True), JSONL)
    strings, megabytes = [], []
    for part in range(10):
        new = [" ".join(f"w{part}x{i}y{j}" for j in range(40)) for i in range(100)]
        annotator.annotate([Source(i, {"text": text}) for i, text in enumerate(new)], int)
        strings.append(len(nlp.vocab.strings))
        if STATM.exists():
            megabytes.append(int(STATM.read_text().split()[1]) * 4096 / 1e6)
    assert len(set(strings)) == 1  # the first part is the only one whose words stay
    if megabytes:
        assert megabytes[-1] - megabytes[4] < 20


def test_several_processes_keep_the_order(
    loaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spacy_mtl.bulk.workers.START_METHOD", "fork")  # takes no time
    lines = texts(60)
    lines[7], lines[30] = "boom", "wait wait"
    source = write_jsonl(tmp_path / "in.jsonl", [{"text": text} for text in lines])
    for processes in (1, 2):
        output = tmp_path / f"{processes}.jsonl"
        summary = annotate(loaded, source, output, processes=processes)
        assert (summary.documents, summary.failed) == (59, 1)
    for name in ("{}.jsonl", "{}.jsonl.errors.jsonl"):
        one, two = [(tmp_path / name.format(n)).read_bytes() for n in (1, 2)]
        assert one == two


def test_process_that_dies(model: Path) -> None:
    pipeline, encoder = Pipeline(str(model), CODE), ParquetEncoder(None, tokens=False)
    make = partial(_make_annotator, pipeline, encoder, JSONL, None)
    parts = [[Source(i, {"text": text})] for i, text in enumerate(("Ana", "boom", "die"))]
    with Workers(1, make) as workers:
        done = workers.annotate_all(parts, int)
        first, second = next(done), next(done)
        assert (first.documents, second.documents) == (1, 0)
        assert b"it went boom" in second.failures[0]
        with pytest.raises(MTLError, match="exit code 7"):
            next(done)


def test_process_that_cannot_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacy_mtl.bulk.workers.START_METHOD", "fork")
    make = partial(_make_annotator, Pipeline("no_such_model"), JsonlEncoder(True), JSONL, None)
    with Workers(1, make) as workers, pytest.raises(MTLError, match="no_such_model"):
        list(workers.annotate_all([[Source(1, {"text": "Ana"})]], int))
