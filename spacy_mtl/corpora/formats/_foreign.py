"""What a file that cannot be read looks like, and the nearest way to get at it."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from ._text import numbered_lines

_N_LINES = 50

_BY_SUFFIX = {
    ".spacy": "It is a .spacy file already: train on it and inspect it as it is",
    ".parquet": "Write it as JSON lines, as with datasets' to_json, and name the classes (--names)",
    ".arrow": "Write it as JSON lines, as with datasets' to_json, and name the classes (--names)",
    ".xlsx": "Save the sheet as CSV in UTF-8",
    ".xls": "Save the sheet as CSV in UTF-8",
    ".ods": "Save the sheet as CSV in UTF-8",
    ".zip": "Unpack it",
    ".gz": "Unpack it",
    ".tar": "Unpack it",
    ".bz2": "Unpack it",
    ".xz": "Unpack it",
    ".7z": "Unpack it",
    ".pkl": "Write it as JSON lines",
    ".pickle": "Write it as JSON lines",
}
_BY_START = (
    (b"SQLite format 3", "a database such as Prodigy's",
     "Export the dataset with 'prodigy db-out NAME > NAME.jsonl'"),
    (b"PAR1", "Parquet", _BY_SUFFIX[".parquet"]),
    (b"PK\x03\x04", "a zip archive", "Unpack it, or save a spreadsheet as CSV"),
    (b"\x1f\x8b", "a gzip archive", "Unpack it"),
)  # fmt: skip
_BY_TEXT = (
    (re.compile(r"<GateDocument"), "GATE XML",
     "Export it from GATE as JSON, and write text and spans as JSONL"),
    (re.compile(r"xmi:XMI"), "UIMA XMI", "Export it from INCEpTION as WebAnno TSV 3"),
    (re.compile(r"<TEI\b"), "TEI XML", "Write text and spans as JSONL"),
    (re.compile(r"<(collection|document)\b[\s\S]*<(passage|infon)\b"), "BioC XML",
     "Write text and spans as JSONL"),
    (re.compile(r"\A\s*<(\?xml|!DOCTYPE|\w+[^<>]*>\s*<)"), "XML", "Write text and spans as JSONL"),
    (re.compile(r"^#begin document \(", re.M), "CoNLL-2012 (OntoNotes)",
     "Write its names in brackets as tags such as B-PERSON, and name the columns (--columns)"),
)  # fmt: skip


def describe(path: Path) -> str:
    """What a file looks like and what to do, as sentences; "" if that is not known."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        start = file.read(16)
    for beginning, name, way in _BY_START:
        if start.startswith(beginning):
            return f"It looks like {name}. {way}."
    if path.suffix.lower() in _BY_SUFFIX:
        return f"{_BY_SUFFIX[path.suffix.lower()]}."
    text = "\n".join(line.text for line in islice(numbered_lines(path), _N_LINES))
    for pattern, name, way in _BY_TEXT:
        if pattern.search(text):
            return f"It looks like {name}. {way}."
    return ""
