import builtins
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.report.content import Page
from spacy_mtl.report.material import Material
from spacy_mtl.report.page import render, write_report

from .made import ODD

OURS = (
    "html head meta title style body a div header h1 h2 h3 p strong code dl dt dd nav ul li main "
    "section figure figcaption span details summary table thead tbody tr th td i article mark "
    "footer br svg g path text defs use rect clippath pattern"
)
SAMPLE = Path(__file__).parents[2] / "docs" / "sample-report.html"
SECTIONS = (
    "scores learning training conflict affinity confusions labels calibration entities cost method"
)


class Parsed(HTMLParser):
    """The elements of a page, what they have, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for each, attributes in self.elements if each == tag]


@pytest.fixture(scope="module")
def html(page: Page) -> str:
    return render(page)


@pytest.fixture(scope="module")
def odd(odd_page: Page) -> str:
    return render(odd_page)


def test_has_all_sections(html: str) -> None:
    parsed = Parsed(html)
    assert not parsed.open
    assert [section["id"] for section in parsed.all("section")] == SECTIONS.split()
    links = [link["href"] for link in parsed.all("a")]
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in links} <= set(ids)


def test_is_small(html: str) -> None:
    assert len(html.encode()) < 1_000_000


def test_asks_for_nothing(html: str) -> None:
    parsed = Parsed(html)
    policy = next(m["content"] for m in parsed.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert not re.search(r"https?:|<script|<img|<link|@import|url\((?!#)", html)
    assert not [a for _, a in parsed.elements for name in a if name.startswith("on")]


def test_figures_are_told_in_words_too(html: str) -> None:
    parsed = Parsed(html)
    figures = [figure["id"] for figure in parsed.all("figure")]
    told = [each for each in parsed.all("div") if each.get("role") == "img"]
    assert len(figures) == len(told) == len(parsed.all("svg")) == 18
    assert all(re.search(r"\d", each["aria-label"]) for each in told)
    assert html.count("<figcaption>") == html.count("As a table") == len(figures)


def test_everything_is_escaped(odd: str) -> None:
    parsed = Parsed(odd)
    assert not parsed.open
    assert {tag for tag, _ in parsed.elements} <= set(OURS.split())
    assert not [a for _, a in parsed.elements for name in a if name.startswith("on")]
    for data in (f"Lima{ODD}", f"PER{ODD}", f"mood=good{ODD}", f"config{ODD}.cfg", f"train{ODD}"):
        assert data.replace("`", "") in parsed.text.replace("`", ""), data
    titles = [attributes.get("aria-label", "") for attributes in parsed.all("div")]
    assert any(f"PER{ODD}" in title for title in titles)


def test_names_in_a_folder_with_markup(odd: str) -> None:
    assert "folder<i>" in Parsed(odd).text and "folder<i>" not in odd


def test_control_characters_are_replaced(page: Page) -> None:
    html = render(replace(page, name="a\x00b", summary=["c\x08d `e\x01`"]))
    assert "\x00" not in html and "\x08" not in html and "a\ufffdb" in html
    assert "<code>e\ufffd</code>" in html


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_missing_library(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    real = builtins.__import__

    def absent(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == missing:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MTLError, match=r"pip install spacy-mtl\[report\]"):
        write_report(material, tmp_path / "report.html")


def test_the_sample_has_what_a_page_of_now_has(html: str) -> None:
    sample = SAMPLE.read_text("utf-8")
    assert SAMPLE.stat().st_size < 1_000_000
    parsed, now = Parsed(sample), Parsed(html)
    assert [section["id"] for section in parsed.all("section")] == SECTIONS.split()
    assert {tag for tag, _ in parsed.elements} <= set(OURS.split())
    style = re.compile(r"<style>.*?</style>", re.DOTALL)
    assert style.findall(sample)[:1] == style.findall(html)[:1]
    headings = [re.findall(r"<h2.*?</h2>", page) for page in (sample, html)]
    assert headings[0] == headings[1] and now.all("section")
    figures = [figure["id"] for figure in parsed.all("figure")]
    for kind in ("learning", "training", "conflict", "affinity", "confusion", "calibration"):
        assert any(figure.startswith(f"figure-{kind}") for figure in figures), kind
