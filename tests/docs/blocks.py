"""The fenced blocks of a Markdown page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(?P<language>\w*) *(?P<file>\S*)\n(?P<text>.*?)^```$", re.M | re.S)
_NOT_RUN = re.compile(r"<!-- not run: (?P<reason>.+?) -->\s*\Z")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    place: page and line.
    file: the name behind the language, under which the page uses the text as a file.
    not_run: the reason in the comment before it, "" if there is none.
    """

    place: str
    language: str
    file: str
    text: str
    not_run: str


def blocks(page: Path) -> Iterator[Block]:
    """All blocks of a page, in order."""
    source = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(source):
        before = source[: match.start()]
        reason = _NOT_RUN.search(before)
        yield Block(
            place=f"{page.name}:{before.count(chr(10)) + 1}",
            language=match["language"],
            file=match["file"],
            text=match["text"],
            not_run=reason["reason"] if reason else "",
        )
