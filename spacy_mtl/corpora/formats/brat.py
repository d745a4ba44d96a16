"""brat's standoff: entities in an `.ann` file, their text in the `.txt` file beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ...errors import FormatError
from ..records import CharSpan, ReadOptions, Record, Remark
from ._text import Item, Line, numbered_lines, require_text

_ENTITY = re.compile(
    r"T[^\t]*\t(?P<label>\S+) (?P<offsets>[0-9]+ [0-9]+(;[0-9]+ [0-9]+)*)(\t(?P<text>.*))?"
)
_OTHERS = {
    "R": "relations (R)",
    "E": "events (E)",
    "A": "attributes (A)",
    "M": "attributes (M)",
    "N": "normalizations (N)",
    "*": "equivalences (*)",
    "#": "notes (#)",
}
_DISCONTINUOUS = "discontinuous entities were read as one span from their first to their last part"
# brat wants the file to be there before anybody has looked at the text.
_EMPTY = "an empty .ann says nothing of entities: they are missing (--outside: there are none)"


def read(path: Path, options: ReadOptions) -> Iterator[Item]:
    """The one document of a pair of files.

    With annotation other than entities it is known to have none; an empty file says nothing.
    """
    source = path.with_suffix(".txt")
    path = path.with_suffix(".ann")
    for file in (source, path):
        if not file.is_file():
            raise FormatError(
                f"Expected the text of a document as .txt and its annotation as .ann beside it, "
                f"got no {file.name}.",
                file,
            )
    text = source.read_bytes().decode("utf-8-sig", "surrogateescape")
    for line in numbered_lines(source):
        require_text(line.text, source, line.number)
    try:
        yield _record(text, path, options)
    except FormatError as error:
        yield error


def _record(text: str, path: Path, options: ReadOptions) -> Record:
    lines = [line for line in numbered_lines(path) if line.text.strip()]
    record = Record(line=1, text=text, ents=[] if lines or options.outside else None)
    if record.ents is None:
        record.remarks.append(Remark(_EMPTY, path.name))
    for line in lines:
        if line.text.startswith("T"):
            entity, parts = _entity(line, record, path)
            record.ents = [*(record.ents or ()), entity]
            if parts > 1:
                record.remarks.append(Remark(_DISCONTINUOUS, line.text))
        else:
            what = _OTHERS.get(line.text[0])
            if what is None:
                raise FormatError(
                    f"Expected a line of brat's standoff, which begins with T, "
                    f"{', '.join(_OTHERS)}, got {line.text!r}.",
                    path,
                    line.number,
                )
            record.remarks.append(Remark(f"{what} were not used", line.text))
    return record


def _entity(line: Line, record: Record, path: Path) -> tuple[CharSpan, int]:
    """An entity and the number of its parts."""
    match = _ENTITY.fullmatch(require_text(line.text, path, line.number))
    if match is None:
        raise FormatError(
            f"Expected an entity as 'T1<tab>LABEL START END<tab>TEXT', got {line.text!r}.",
            path,
            line.number,
        )
    parts = [[int(number) for number in part.split()] for part in match["offsets"].split(";")]
    start, end = parts[0][0], parts[-1][1]
    expected = match["text"]
    if expected is not None:
        found = " ".join((record.text or "")[s:e] for s, e in parts)
        if found.split() != expected.split() and "\r\n" in (record.text or ""):
            record.text = (record.text or "").replace("\r\n", "\n")  # offsets without "\r"
            return _entity(line, record, path)
        if found.split() != expected.split():
            raise FormatError(
                f"Expected the text {expected!r} at {match['offsets']}, as the entity says, got "
                f"{found!r}. Is it the .txt file that was annotated?",
                path,
                line.number,
            )
    return (start, end, match["label"]), len(parts)
