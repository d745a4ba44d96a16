"""Docstrings as this project writes them: prose, and lines that begin with a name and a colon."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import cleandoc

_FIELD = re.compile(r"(?P<names>[A-Za-z_]\w*(?:, [A-Za-z_]\w*)*): (?P<text>.+)")
_RAISES = re.compile(r"RAISES \((?P<error>\w+)\): (?P<text>.+)")
_NEXT_FIELD = re.compile(r"(?<=\.) (?=[a-z_]\w*(?:, [a-z_]\w*)*: )")
_LIST = re.compile(r"(?:^|\n)[-*] ")


@dataclass(frozen=True)
class Prose:
    """A paragraph, or a list with its indentation."""

    text: str


@dataclass(frozen=True)
class Field:
    """What is said of a setting, or of several at once."""

    names: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Raises:
    """When an error is raised."""

    error: str
    text: str


Part = Prose | Field | Raises


def parts(docstring: str | None) -> list[Part]:
    """What a docstring consists of, in its order."""
    pieces = _pieces(cleandoc(docstring or "").splitlines())
    return [part for lines in pieces for part in _parts(lines)]


def meanings(docstring: str | None) -> dict[str, str]:
    """What a docstring says of each setting."""
    fields = [part for part in parts(docstring) if isinstance(part, Field)]
    return {name: field.text for field in fields for name in field.names}


def prose(docstring: str | None) -> str:
    """A docstring without what it says of single settings, as Markdown."""
    return _markdown([part for part in parts(docstring) if not isinstance(part, Field)])


def markdown(docstring: str | None) -> str:
    """A docstring as Markdown."""
    return _markdown(parts(docstring))


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text with a change to all of it but code."""
    pieces = re.split(r"(^```.*?^```|`[^`\n]+`)", text, flags=re.M | re.S)
    return "".join(piece if piece.startswith("`") else change(piece) for piece in pieces)


def summary(docstring: str | None) -> str:
    """Its first sentence, without the full stop."""
    text = " ".join(prose(docstring).split("\n\n")[0].split())
    return re.split(r"(?<!et al)\.(?:\s|$)", text, maxsplit=1)[0]


def _pieces(lines: list[str]) -> Iterator[list[str]]:
    """The lines of each part: indented ones belong to the one before, also behind a blank."""
    piece: list[str] = []
    for number, line in enumerate(lines):
        ends = _starts_field(line)
        if not line.strip():
            following = next((after for after in lines[number:] if after.strip()), "")
            ends = not following.startswith(" ")
        if ends and piece:
            yield piece
            piece = []
        if line.strip() or piece:
            piece.append(line)
    if piece:
        yield piece


def _starts_field(line: str) -> bool:
    return bool(_FIELD.match(line) or _RAISES.match(line))


def _parts(lines: list[str]) -> Iterator[Part]:
    """A field's lines may go on with others: "one: this. two: that."."""
    if match := _RAISES.match(lines[0]):
        yield Raises(match["error"], cleandoc("\n".join([match["text"], *lines[1:]])))
    elif _FIELD.match(lines[0]):
        text = cleandoc("\n".join([lines[0], *lines[1:]]))
        for piece in _NEXT_FIELD.split(text):
            names, _, said = piece.partition(": ")
            yield Field(tuple(names.split(", ")), said.strip())
    else:
        yield Prose(cleandoc("\n".join(lines)))


def _markdown(found: list[Part]) -> str:
    """Blocks with a blank line between them; fields that follow each other are one list."""
    blocks: list[str] = []
    in_list = False
    for part in found:
        if isinstance(part, Field):
            names = ", ".join(f"`{name}`" for name in part.names)
            item = f"- {names}: {_indented(part.text)}"
            if in_list:
                blocks[-1] += f"\n{item}"
            else:
                blocks.append(item)
        elif isinstance(part, Raises):
            blocks.append(f"Raises `{part.error}`: {part.text[:1].lower()}{part.text[1:]}")
        else:
            blocks.append(part.text)
        in_list = isinstance(part, Field)
    return "\n\n".join(blocks)


def _indented(text: str) -> str:
    separate = _LIST.sub(lambda match: f"\n{match[0]}", text, count=1)
    return separate.replace("\n", "\n    ").replace("\n    \n", "\n\n")
