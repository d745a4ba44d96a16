"""Generators of files for `convert`, and of damage to saved models."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from .pipelines import TASKS, stored_files
from .strategies import ODD_VALUES, rarely

# --- files --------------------------------------------------------------------------------------

_FORMS = ["Ana", "Rio", "=1+1", "@x", "-2", "don't", "日本", '"', "x" * 50, "#", "a,b"]
_NER = ["O", "O", "O", "B-PER", "B-LOC", "U-LOC", "B-PER", "L-PER", "X-PER", "_"]
_IDS = ["0", "0-1", "1-1", "1-2", "1-3", "2-1", "1.1", "9" * 5000, "²", "-1", ""]
_CELLS = {
    "id": _IDS,
    "form": _FORMS,
    "tag": ["N", "V", "_", "-"],
    "pos": ["NOUN", "VERB", "_", "NOUN", "_", "X", "N"],
    "morph": ["_", "Case=Nom", "Number=Sing|Case=Nom", "_", "Nom"],
    "ner": _NER,
    "misc": ["_", "SpaceAfter=No", *(f"NER={tag}" for tag in _NER)],
    "blank": ["_"],
}
_CONLLU = ("id", "form", "form", "pos", "tag", "morph", "blank", "blank", "blank", "misc")
_BAD_BYTES = [b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\r\n", b"\n\n", b'"']
_BAD_BYTES += [b"\t", b"[" * 5000, b'{"a":' * 3000, b"x" * 100_000, b"\\ud800", b"1e999", b"\x85"]
_BAD_BYTES += [b"-DOCSTART-\n", b"# newdoc\n", "\u2028".encode(), b"9" * 5000, b" ", b"NaN"]
_BAD_BYTES += [b"_" * 30_000, b"1-9\t", b'{"a":' * 950 + b"1" + b"}" * 950]
_ENCODINGS = ["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1", "cp037"]


@dataclass(frozen=True)
class FileCase:
    """A file for `convert`. texts: those of its documents if it is as it should be, else None."""

    name: str
    data: bytes
    options: dict[str, Any]
    texts: list[str] | None = None


_TEXT = st.lists(st.sampled_from(_FORMS), min_size=1, max_size=5)
_TEXTS = st.lists(_TEXT, min_size=1, max_size=4)


@st.composite
def _jsonl(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Good lines, and their texts."""
    rows, texts = [], []
    for words in draw(_TEXTS):
        row: dict[str, Any] = {"text": " ".join(words)}
        fields: dict[str, Any] = {
            "tokens": words,
            "label": "A",
            "spans": [[0, len(words[0]), "PER"]],
            "cats": {"a": 1, "b": 0.5},
        }
        for name in draw(st.sets(st.sampled_from(list(fields)), max_size=2)):
            row[name] = fields[name]
        if "cats" in row:
            row.pop("label", None)
        if "spans" in row:
            row["tokens"] = words
        rows.append(json.dumps(row, ensure_ascii=draw(st.booleans())))
        texts.append(row["text"])
    return "\n".join(rows) + "\n", texts


_LEAVES = st.sampled_from([None, True, -1, 0, 3, 1e308, 10**30, float("nan"), "O", "Ana", ""])
_KEYS = st.sampled_from(["a", "start", "end", "label", "text"])
_VALUES = st.recursive(
    _LEAVES, lambda part: st.lists(part, max_size=3) | st.dictionaries(_KEYS, part, max_size=3)
)
_FIELDS = ["text", "tokens", "label", "labels", "cats", "entities", "spans", "ner_tags", "tags"]
_ROW = st.dictionaries(st.sampled_from([*_FIELDS, "pos", "morphs", "answer"]), _VALUES, max_size=3)
_ODD_ROWS = st.lists(_ROW, min_size=1, max_size=3)


@st.composite
def _odd_jsonl(draw: st.DrawFn) -> tuple[str, None]:
    """Objects whose fields have any JSON as values."""
    rows = draw(_ODD_ROWS)
    for row in rows:
        if draw(st.booleans()):
            row["text"] = "Ana sees Rio"
    return "\n".join(json.dumps(row) for row in rows), None


def _table(separator: str, columns: tuple[str, ...], header: str = "") -> st.SearchStrategy[Any]:
    """Rows of as many columns as there should be, most of the time."""
    cells = st.tuples(*(st.sampled_from(_CELLS[kind]) for kind in columns))
    rows = st.lists(st.tuples(cells, st.integers(0, 60), st.booleans()), min_size=1, max_size=6)

    def text(rows: list[tuple[tuple[str, ...], int, bool]]) -> tuple[str, None]:
        lines = []
        number = 0
        for cells, odd, last in rows:
            number += 1
            first = str(number) if columns[0] == "id" and odd != 3 else cells[0]
            missing = odd if odd < 3 else 0
            lines.append(separator.join((first, *cells[1:])[: len(cells) - missing]))
            if last:
                lines.append("")
                number = 0
        return header + "\n".join(lines) + "\n", None

    return rows.map(text)


_CONTENTS: dict[str, st.SearchStrategy[Any]] = {
    "a.jsonl": st.one_of(_jsonl(), _odd_jsonl()),
    "a.csv": _table(",", ("form", "tag"), "text,label\n"),
    "a.tsv": _table("\t", ("form", "tag"), "text\tlabel\n"),
    "a.conllu": _table("\t", _CONLLU),
    "a.iob2": _table("\t", ("id", "form", "ner")),
    "a.conll": _table(" ", ("form", "tag", "ner")),
}


_DAMAGES = st.lists(
    st.sampled_from(["cut", "insert", "replace", "double", "drop"]), min_size=1, max_size=3
)


@st.composite
def damaged_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes after some cuts, replacements and insertions."""
    for how in draw(_DAMAGES):
        place = draw(st.integers(0, len(data)))
        before, after = data[:place], data[place:]
        if how == "cut":
            data = before
        elif how == "insert":
            data = before + draw(st.sampled_from(_BAD_BYTES)) + after
        elif how == "replace":
            data = before + draw(st.binary(min_size=1, max_size=4)) + after[2:]
        elif how == "double":
            data = before + after[:40] * 2 + after[40:]
        else:
            data = before + after[draw(st.integers(1, 20)) :]
    return data


_ON_ERROR = st.sampled_from(["stop", "skip"])
_ODD_COLUMNS = st.lists(st.sampled_from(["form", "tag", "ner", "pos", "id", "_", "x"]), max_size=3)
_COLUMNS = rarely(_ODD_COLUMNS, ["form", "tag", "ner"], 8)
_LAYERS = st.lists(st.sampled_from(["ents", "tag", "cats", "x"]), max_size=2)
_OPTIONS = st.fixed_dictionaries(
    {
        "group": rarely(st.integers(-1, 3), 1, 8),
        "layers": rarely(_LAYERS, None, 8),
        "cats_from": rarely(st.sampled_from([["label"], ["text"], ["", "x"]]), [], 8),
    }
)


@st.composite
def file_cases(draw: st.DrawFn) -> FileCase:
    """A file of any format, whole or damaged, with options that may not fit."""
    name = draw(st.sampled_from(list(_CONTENTS)))
    content, texts = draw(_CONTENTS[name])
    encoding = draw(st.sampled_from(_ENCODINGS))
    data = content.encode(encoding, errors="replace")
    options: dict[str, Any] = {"on_error": draw(_ON_ERROR)}
    if name == "a.conll":
        options["columns"] = draw(_COLUMNS)
    if texts is not None and encoding.startswith("utf-8") and draw(st.booleans()):
        return FileCase(name, data, options, texts)
    if draw(st.booleans()):
        data = draw(damaged_bytes(data))
    options.update(draw(_OPTIONS))
    return FileCase(name, data, options)


@dataclass(frozen=True)
class StoredCase:
    """What a `.spacy` file holds, and whether it is as spaCy has written it."""

    data: bytes
    whole: bool


@st.composite
def stored_cases(draw: st.DrawFn) -> StoredCase:
    """A `.spacy` file, mostly damaged, on the outside or under its compression."""
    whole = draw(st.sampled_from(stored_files()))
    where = draw(st.sampled_from(["whole", "outside", "outside", "inside", "inside"]))
    if where == "whole":
        return StoredCase(whole, True)
    if where == "outside":
        data = draw(damaged_bytes(whole))
    else:
        data = zlib.compress(draw(damaged_bytes(zlib.decompress(whole))))
    return StoredCase(data, data == whole)


# --- saved models -------------------------------------------------------------------------------

OUR_FILES = ["multitask/cfg", "multitask/model", "multitask/balancer"]
OUR_FILES += ["tok2vec/cfg", "tok2vec/model", "tok2vec/balancer"]
SPACYS_FILES = ["config.cfg", "meta.json", "tokenizer", "vocab/strings.json"]
_FOLDERS = ["multitask", "tok2vec", "vocab"]
_VERSIONS = ["", "0.0.1", ">=99", "x", None, 3]
_GARBAGE = [b"", b"{}", b"[]", b"null", b"3", b"\x80", b"\xc0", b'{"labels": 3}']


@dataclass(frozen=True)
class ModelCase:
    """What is done to a saved model.

    how: "missing", "cut", "bytes" or "swap" of `file`; "labels", "tasks" or "version" edits.
    value: where to cut, what bytes to write, which other file to copy, or the edit.
    """

    how: str
    file: str = ""
    value: Any = None


def model_cases() -> st.SearchStrategy[ModelCase]:
    """Files missing, cut or of something else; other labels, tasks or versions."""
    ours, files = st.sampled_from(OUR_FILES), st.sampled_from([*OUR_FILES, *SPACYS_FILES])
    gone = st.sampled_from([*OUR_FILES, *SPACYS_FILES, *_FOLDERS])
    garbage = st.one_of(st.binary(max_size=30), st.sampled_from(_GARBAGE))
    edited, task = st.sampled_from(["out", "in", "odd"]), st.sampled_from(list(TASKS))
    edits = st.tuples(edited, task, ODD_VALUES)
    return st.one_of(
        st.builds(ModelCase, st.just("missing"), gone),
        st.builds(ModelCase, st.just("cut"), files, st.floats(0, 1, exclude_max=True)),
        st.builds(ModelCase, st.just("bytes"), files, garbage),
        st.builds(ModelCase, st.just("swap"), ours, ours),
        st.builds(ModelCase, st.just("labels"), st.just("multitask/cfg"), edits),
        st.builds(ModelCase, st.just("tasks"), st.just("config.cfg"), edits),
        st.builds(ModelCase, st.just("version"), st.just("meta.json"), st.sampled_from(_VERSIONS)),
    )
