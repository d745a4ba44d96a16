"""Pages of the repository as pages of the site: where each stands, and links between them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from posixpath import dirname, join, normpath, relpath

DOCS = "docs"
OUTSIDE = "project"  # where files that do not lie below docs are on the site
_LINK = re.compile(r"(?P<open>\]\()(?P<target>(?!\w+:|#)[^)#\s]+)(?P<rest>[^)]*\))")
_FENCE = re.compile(r"^```(?P<language>\w+) +(?P<file>[^\s=]+)$", re.M)
_CODE = re.compile(r"(^```.*?^```$)", re.M | re.S)


def site_path(path: str) -> str:
    """Where a file of the repository is on the site, by its path from the root."""
    inside = path.removeprefix(f"{DOCS}/")
    return inside if inside != path else f"{OUTSIDE}/{path}"


def repository_path(path: str) -> str:
    """The opposite of `site_path`."""
    outside = path.removeprefix(f"{OUTSIDE}/")
    return outside if outside != path else f"{DOCS}/{path}"


def page_for_site(path: str, text: str) -> str:
    """A page of the repository as Markdown for the site.

    Links lead to where their targets are on the site, and the name of a file behind the language
    of a block becomes its title.
    """
    here = site_path(path)

    def link(match: re.Match[str]) -> str:
        target = site_path(normpath(join(dirname(path), match["target"])))
        return f"{match['open']}{relpath(target, dirname(here) or '.')}{match['rest']}"

    pieces = _CODE.split(text)
    return "".join(
        _FENCE.sub(r'```\g<language> title="\g<file>"', piece)
        if piece.startswith("```")
        else _LINK.sub(link, piece)
        for piece in pieces
    )


def linked_outside(root: Path, pages: Iterable[str]) -> set[str]:
    """Files that lie outside of docs and that these pages link to, or pages that they link to."""
    found: set[str] = set()
    waiting = list(pages)
    while waiting:
        page = waiting.pop()
        for target in _targets(page, (root / page).read_text(encoding="utf-8")):
            if target.startswith(f"{DOCS}/") or target in found or not (root / target).is_file():
                continue
            found.add(target)
            if target.endswith(".md"):
                waiting.append(target)
    return found


def heading_id(text: str, separator: str = "-") -> str:
    """The name of a heading in links, as GitHub makes it."""
    kept = re.sub(r"[^\w\- ]", "", text.strip().lower())
    return kept.replace(" ", separator)


def contents(index: str) -> dict[str, list[tuple[str, str]]]:
    """Of a page that lists the others: titles and targets of the links under each heading."""
    found: dict[str, list[tuple[str, str]]] = {}
    heading = ""
    for line in index.splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").strip()
        elif match := re.match(r"- \[(?P<title>[^\]]+)\]\((?P<target>[^)#]+)\)", line):
            found.setdefault(heading, []).append((match["title"], match["target"]))
    return found


def _targets(page: str, text: str) -> list[str]:
    prose = "".join(piece for piece in _CODE.split(text) if not piece.startswith("```"))
    return [normpath(join(dirname(page), match["target"])) for match in _LINK.finditer(prose)]
