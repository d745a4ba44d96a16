"""The page in a real browser: nothing asked for, nothing said, everything there and readable."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spacy_mtl.report.content import Page
from spacy_mtl.report.page import render

from .browser import Browser, find_chromium

SAMPLE = Path(__file__).parents[2] / "docs" / "sample-report.html"
# Fails instead of being skipped where the browser has to be there.
REQUIRED = "SPACY_MTL_REQUIRE_BROWSER"
WIDTHS = (390, 1280)

FIGURES = """
[...document.querySelectorAll('figure')].map(figure => {
  const svg = figure.querySelector('svg');
  const box = svg.getBoundingClientRect(), ink = svg.getBBox();
  return [figure.id, Math.min(box.width, box.height, ink.width, ink.height)];
})
"""
OUTSIDE = """
[...document.querySelectorAll('main *')].filter(each =>
  !each.closest('.scroll') && !each.closest('.hidden')
  && each.getBoundingClientRect().right > innerWidth + 0.5).map(each => each.outerHTML.slice(0, 99))
"""
# Texts whose colour stands out too little from what is behind them.
FAINT = """
(() => {
  const numbers = color => color.match(/[\\d.]+/g).map(Number);
  const luminance = color => {
    const [r, g, b] = numbers(color).map(c => c / 255)
      .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = each => {
    for (; each; each = each.parentElement) {
      const color = getComputedStyle(each).backgroundColor;
      if (numbers(color)[3] !== 0) return color;
    }
  };
  return [...document.querySelectorAll('body *')].filter(each =>
    [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim())).filter(each => {
      const style = getComputedStyle(each);
      const color = each.closest('svg') ? style.fill : style.color;
      const [a, b] = [luminance(color), luminance(behind(each))].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05) < 4.5;
    }).map(each => each.outerHTML.slice(0, 99));
})()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        reason = "needs Chromium (Debian's package chromium)"
        if os.environ.get(REQUIRED):
            pytest.fail(f"{REQUIRED} is set, but this {reason}")
        pytest.skip(reason)
    with Browser(path, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def report(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "a report <b>.html"
    path.write_text(render(page), "utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_page(
    browser: Browser, report: Path, page: Page, width: int, dark: bool, tmp_path: Path
) -> None:
    heard = browser.open(report, width, dark=dark)
    assert heard.urls == [] and heard.messages == []
    expected = [chart.id for section in page.sections for chart in section.charts]
    figures = browser.evaluate(FIGURES)
    assert [name for name, _ in figures] == expected
    assert all(size > 100 for _, size in figures), figures
    assert browser.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    assert browser.evaluate(OUTSIDE) == []
    assert browser.evaluate(FAINT) == []
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)"
    )
    picture = tmp_path / "page.png"
    browser.screenshot(picture)
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 50_000


@pytest.mark.parametrize("width", WIDTHS)
def test_sample(browser: Browser, width: int) -> None:
    heard = browser.open(SAMPLE, width)
    assert heard.urls == [] and heard.messages == []
    figures = browser.evaluate(FIGURES)
    assert len(figures) > 15 and all(size > 100 for _, size in figures), figures
    assert browser.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    assert browser.evaluate(OUTSIDE) == [] and browser.evaluate(FAINT) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_tables_open(browser: Browser, report: Path, width: int) -> None:
    heard = browser.open(report, width)
    browser.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert browser.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    heights = "[...document.querySelectorAll('table')].map(each => each.offsetHeight)"
    assert min(browser.evaluate(heights)) > 0
    assert heard.messages == []


def test_markup_in_data_stays_text(browser: Browser, odd_page: Page, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(odd_page), "utf-8")
    heard = browser.open(path, WIDTHS[0])
    assert heard.urls == [] and heard.messages == []
    found: Any = browser.evaluate(
        "[document.title, document.querySelectorAll('img, script').length]"
    )
    assert found[0].startswith("Does sharing pay?") and found[1] == 0
    assert browser.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


def test_browser_notices_requests_and_messages(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    path.write_text("<img src='http://127.0.0.1:9/x.png'><script>console.error('oh')</script>")
    heard = browser.open(path, WIDTHS[0])
    assert heard.urls == ["http://127.0.0.1:9/x.png"]
    assert "oh" in heard.messages
