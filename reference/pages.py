"""All pages of the reference as Markdown, and what lists them."""

from __future__ import annotations

import inspect
import re
from functools import cache
from posixpath import dirname, relpath
from typing import Any

from .command_page import command_page, help_text
from .commands import commands
from .docstrings import summary
from .entries import by_title, entries
from .entry_page import described, entry_page
from .tables import code_list

INDEX = "reference/README.md"
MARK = "<!-- names -->"  # between two of these the index has all names
_NAME = re.compile(r"`(spacy_mtl\.[\w.]+\.v\d+|spacy mtl [a-z-]+)`")


@cache
def pages() -> dict[str, str]:
    """The text of every generated page by its path below docs."""
    found = {entry.page: entry_page(entry) for entry in entries()}
    found |= {command.page: command_page(command) for command in commands()}
    return {page: _linked(text, page) for page, text in found.items()}


def navigation() -> list[dict[str, Any]]:
    """The pages under their titles, as `nav` of mkdocs has them."""
    found: list[dict[str, Any]] = [
        {title: [{entry.name.removeprefix("spacy_mtl."): entry.page} for entry in group]}
        for title, group in by_title().items()
    ]
    return [*found, {"Commands": [{" ".join(c.words[1:]): c.page} for c in commands()]}]


def with_names(index: str) -> str:
    """The index with the present list of names, for those who read it beside the source."""
    lines = [
        f"- {title}: {code_list(entry.name for entry in group)}"
        for title, group in by_title().items()
    ]
    words = code_list(" ".join(command.words[1:]) for command in commands())
    lines.append(f"- Commands of `spacy mtl`: {words}")
    before, _, after = index.split(MARK)
    return "\n".join([f"{before}{MARK}", *lines, f"{MARK}{after}"])


def with_links(index: str) -> str:
    """The index with links to all pages, and what each is about, in place of the names."""
    lines = []
    for title, group in by_title().items():
        lines.append(f"## {title}\n")
        for entry in group:
            about = summary(inspect.getdoc(described(entry)))
            lines.append(_item(entry.name, entry.page, about))
        lines.append("")
    lines.append("## Commands\n")
    for each in commands():
        lines.append(
            _item(" ".join(["spacy", *each.words]), each.page, summary(help_text(each)[0]))
        )
    before, _, after = index.split(MARK)
    return "\n".join([before.rstrip(), "", *lines, after.lstrip()])


def _linked(text: str, page: str) -> str:
    """Names that have a page become links to it, but for code blocks and the page itself."""

    def link(match: re.Match[str]) -> str:
        target = _pages_by_name().get(match[1])
        if target is None or target == page:
            return match[0]
        return f"[{match[0]}]({relpath(target, dirname(page))})"

    pieces = re.split(r"(^```.*?^```)", text, flags=re.M | re.S)
    return "".join(p if p.startswith("```") else _NAME.sub(link, p) for p in pieces)


@cache
def _pages_by_name() -> dict[str, str]:
    found = {entry.name: entry.page for entry in entries()}
    return found | {" ".join(["spacy", *command.words]): command.page for command in commands()}


def _item(name: str, page: str, about: str) -> str:
    return f"- [`{name}`]({relpath(page, dirname(INDEX))}): {about}."
