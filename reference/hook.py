"""What mkdocs does beyond Markdown: pages that are made, files from outside of docs, navigation."""

from __future__ import annotations

from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page
from pygments.formatters import HtmlFormatter

import spacy_mtl.cli  # noqa: F401  registers the components
from reference.entries import ROOT
from reference.links import (
    contents,
    heading_id,
    linked_outside,
    page_for_site,
    repository_path,
    site_path,
)
from reference.pages import INDEX, navigation, pages, with_links


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name headings as GitHub does."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = heading_id
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made and the files outside that pages link to, and list them all."""
    written = [repository_path(file.src_uri) for file in files.documentation_pages()]
    for path in sorted(linked_outside(ROOT, written)):
        source, inclusion = str(ROOT / path), InclusionLevel.NOT_IN_NAV
        place = site_path(path)
        files.append(File.generated(config, place, abs_src_path=source, inclusion=inclusion))
    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    style = HtmlFormatter(style="friendly").get_style_defs(".highlight")
    files.append(File.generated(config, "highlight.css", content=style))
    config.nav = _navigation()
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make a page of the repository one of the site."""
    path = page.file.src_uri
    if path in pages():
        return markdown
    text = page_for_site(repository_path(path), markdown)
    return with_links(text) if path == INDEX else text


def _navigation() -> list[Any]:
    """What `docs/README.md` lists under each heading, and the reference."""
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    listed: list[Any] = [{"Start": "README.md"}]
    for heading, links in contents(index).items():
        listed.append({heading: [{title: _from_docs(target)} for title, target in links]})
    return [*listed, {"Reference": [{"All names": INDEX}, *navigation()]}]


def _from_docs(target: str) -> str:
    return site_path(target.removeprefix("../") if target.startswith("../") else f"docs/{target}")
