"""Markdown as GitHub and Hugging Face read it, of names and labels that may hold anything."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from ..wording import printable

# "_" within a word is none, as Markdown has it.
_MARKUP = re.compile(r"[\\`*\[\]<>~&$!:@]|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.")
_AT_START = re.compile(r"^(\d*)([-+=#.)])")
EMPTY = "*empty*"


def text(value: str) -> str:
    """As plain text on one line: nothing in it is markup, a link, or HTML."""
    return _AT_START.sub(r"\1\\\2", _MARKUP.sub(r"\\\g<0>", _line(value)))


def code(value: str) -> str:
    """As a code span, in which only its own fence means anything."""
    line = _line(value)
    if not line:
        return EMPTY
    fence = _fence(line, 1)
    space = " " if "`" in (line[0], line[-1]) else ""
    return f"{fence}{space}{line}{space}{fence}"


def code_block(lines: Iterable[str], language: str = "bash") -> str:
    """Lines as they are, to be copied."""
    body = printable("\n".join(lines))
    fence = _fence(body, 3)
    return f"{fence}{language}\n{body}\n{fence}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], n_text: int = 1) -> str:
    """Of cells that are Markdown. n_text: columns of text at the left, the others are numbers."""
    rule = ["---"] * n_text + ["---:"] * (len(header) - n_text)
    lines = [header, rule, *rows]
    return "\n".join(_row(line) for line in lines)


def details(summary: str, body: str) -> str:
    """Markdown that is shown when asked for. summary: plain text."""
    head = html.escape(_line(summary))
    return f"<details>\n<summary>{head}</summary>\n\n{body}\n\n</details>"


def bullets(items: Iterable[str]) -> str:
    """A list of items that are Markdown."""
    return "\n".join(f"- {item}" for item in items)


def _row(cells: Sequence[str]) -> str:
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _line(value: str) -> str:
    return " ".join(printable(value).split())


def _fence(value: str, least: int) -> str:
    """Backticks, one more than stand together in the value."""
    longest = max((len(run) for run in re.findall("`+", value)), default=0)
    return "`" * max(longest + 1, least)
