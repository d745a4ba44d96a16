"""Tables of settings and other lines as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .settings import REQUIRED, Setting, shown


def settings_table(
    kind: str, known: Sequence[Setting], show: Callable[[Any], str], value: str = "Default"
) -> str:
    """A line for each setting. kind, value: what the first and the third column are called."""
    if not known:
        return "None."
    rows = [
        (_names(each.name), each.type, show(each.default), cell(each.meaning)) for each in known
    ]
    table = plain_table((kind, "Type", value, "Meaning"), rows)
    return f'<div class="settings" markdown="1">\n\n{table}\n\n</div>'


def plain_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def stated(lines: Mapping[str, Iterable[str]]) -> str:
    """A list of what is said in code, but for what is empty."""
    items = [f"- {word}: {code_list(values)}" for word, values in lines.items() if values]
    return "\n".join(items)


def code_list(values: Iterable[str]) -> str:
    """Words as code, with commas."""
    return ", ".join(f"`{value}`" for value in values)


def cell(text: str) -> str:
    """A text in one line; the items of a list are lines of the cell."""
    lines = re.sub(r"\n+[-*] ", "<br>• ", text.strip())
    line = " ".join(lines.split()).replace("|", "\\|")
    return line[:1].upper() + line[1:]


def as_code(default: Any) -> str:
    """A default as a config has it, if there is one."""
    text = shown(default)
    return text if default is REQUIRED else f"`{text}`"


def _names(name: str) -> str:
    return code_list(name.split(", "))
